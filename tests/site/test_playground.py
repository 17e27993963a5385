"""The playground: its numbers are those that a user computes, and its page shows them in a browser."""

import importlib
import inspect
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import keras_lossbox

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(name="playground", scope="module")
def fixture_playground():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        pytest.importorskip("matplotlib")
        yield importlib.import_module("playground")


def test_options_are_those_of_the_losses(playground):
    for name, options in playground.PLAYED.items():
        cls = getattr(keras_lossbox, name)
        parameters, needed = inspect.signature(cls).parameters, playground.loss_pictures.needed(cls)
        assert set(options) <= set(parameters), name
        for option, values in options.items():
            default = parameters[option].default
            assert {default, 1.0 if default is None else default} & set(values), f"{name}: {option} begins elsewhere"
            for value in values:
                assert cls(**needed | {option: value}).get_config()[option] == value


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("name", "options", "at", "numbers"),
    [
        # half of e² up to delta, then delta (|e| - delta / 2); e = 3
        ("Huber", {"delta": 1.0}, 3.0, [(2.5, 1.0)]),
        # -log(1 - sigmoid(3)) and -5 log sigmoid(3), with their slopes p and -5 (1 - p)
        (
            "BinaryCrossentropy",
            {"pos_weight": 5.0, "label_smoothing": 0.0},
            3.0,
            [(3.0485874, 0.9525741), (0.2429368, -0.2371294)],
        ),
        # 1 - 2 Σ p y / (Σ p + Σ y) of four pixels, two of them positive, whose logits are 3 and -3: 1 - p
        ("Dice", {"smooth": 0.0, "squared": False, "log_loss": False}, 3.0, [(0.0474259, -0.0451767)]),
    ],
)
def test_numbers_by_hand(playground, name, options, at, numbers):
    found = json.loads(json.dumps(playground.of_loss(getattr(keras_lossbox, name))))
    assert list(found["options"]) == list(options)
    choice = np.ravel_multi_index(
        [values.index(options[option]) for option, values in found["options"].items()],
        [len(values) for values in found["options"].values()],
    )
    points = np.linspace(*found["limits"], playground.POINTS)
    for (value, gradient), (values, gradients) in zip(numbers, found["curves"][choice], strict=True):
        place = np.argmin(abs(points - at))
        assert abs(points[place] - at) < 0.2
        near = slice(place - 1, place + 2)
        order = np.argsort(points[near])
        assert np.interp(at, points[near][order], np.array(values[near])[order]) == pytest.approx(value, rel=5e-3)
        assert np.interp(at, points[near][order], np.array(gradients[near])[order]) == pytest.approx(gradient, rel=5e-3)


@pytest.fixture(name="browser", scope="module")
def fixture_browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no Chromium or Chrome, or no chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture(name="page", scope="module")
def fixture_page(playground, tmp_path_factory):
    """The page as MkDocs makes it, but for its frame, with three losses."""
    folder = tmp_path_factory.mktemp("site")
    names = ("BinaryCrossentropy", "Huber", "SmoothL1")
    numbers = {name: playground.of_loss(getattr(keras_lossbox, name)) for name in names}
    (folder / "playground_numbers.js").write_text(playground.script(numbers))
    shutil.copy(ROOT / "docs" / "playground.js", folder)
    _, start, body = (ROOT / "docs" / "playground.md").read_text().partition("\n<div")
    heading = '<h1 id="playground">Playground</h1>'  # MkDocs gives it this id
    (folder / "playground.html").write_text(f'<meta charset="utf-8">{heading}{start}{body}')
    return (folder / "playground.html").as_uri()


@pytest.mark.matrix
def test_page_in_a_browser(browser, page):
    def text(kind):
        return browser.find_element("css selector", f"#loss-playground .{kind}").text

    def slider(option):
        return browser.find_element("css selector", f'#loss-playground input[aria-label="{option}"]')

    browser.get(page)
    assert browser.find_element("css selector", "h1").text == "Playground"
    assert text("made") == "keras_lossbox.Huber(delta=1)"
    assert len(browser.find_elements("css selector", "#loss-playground svg path.curve")) == 2
    slider("delta").send_keys("\ue014")  # the key "arrow right": one value further
    assert text("made") == "keras_lossbox.Huber(delta=1.5)"
    assert browser.current_url.endswith("#Huber/delta%3D1.5")
    expected = float(keras_lossbox.Huber(delta=1.5)([[0.0]], [[4.5]]))
    browser.execute_script(
        "arguments[0].value = 60; arguments[0].dispatchEvent(new Event('input'))", slider("prediction")
    )
    assert text("reading") == f"At 4.5: loss {expected:.4g}, gradient 1.5."

    browser.find_element("css selector", "#loss-playground button").click()
    select = browser.find_element("css selector", "#loss-playground select")
    assert select.find_element("css selector", "option").text == "BinaryCrossentropy"
    select.send_keys("SmoothL1")
    assert text("made").startswith("keras_lossbox.SmoothL1(beta=")
    assert (
        len(browser.find_elements("css selector", "#loss-playground svg path.kept")) == 2
    )  # drawn over the same thing
    select.send_keys("Binary")
    assert not browser.find_elements("css selector", "#loss-playground svg path.kept")
    assert len(browser.find_elements("css selector", "#loss-playground svg path.curve")) == 4  # two labels

    browser.get(page + "#BinaryCrossentropy/pos_weight%3D5/label_smoothing%3D0.1")
    browser.refresh()
    made = text("made")
    assert made == "keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=5, label_smoothing=0.1)"
    loss = eval(made, {"keras_lossbox": keras_lossbox})
    at = float(text("reading").split()[1].rstrip(":"))
    for label in (0, 1):
        z = keras.ops.convert_to_tensor([[at]])
        assert f"label {label}: loss {float(loss([[float(label)]], z)):.4g}" in text("reading")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
