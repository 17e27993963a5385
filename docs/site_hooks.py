"""For MkDocs: notebooks as pages, pictures of losses, links that hold here too, names in code that lead to a page."""

import pathlib
import re
import sys

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))  # the checkout, installed or not
import loss_pictures
import playground

import keras_lossbox

ROOT = pathlib.Path(__file__).parent.parent
DIRECTIVE = re.compile(r"^::: (keras_lossbox[\w.]*\.(\w+))$", re.MULTILINE)
OF_LOSS = re.compile(r"^::: keras_lossbox\.losses\.[\w.]*?(\w+)$(?:\n {4}.*)*", re.MULTILINE)  # with its options
LINK_HEADING_OR_CODE = re.compile(r"<(a|h\d|pre)\b.*?</\1>|<code>(\w+)(\([^<]*\))?</code>", re.DOTALL)
CELL = re.compile(r"<td.*?</td>", re.DOTALL)

documented = {}  # name -> what a `:::` directive calls it
names = {cls.__name__: name for name, cls in keras_lossbox.available().items()}


@event_priority(100)  # before mkdocs-jupyter, which looks for notebooks among the files
def on_files(files, config):
    """Adds notebooks, which lie beside `docs`, pictures and the playground's numbers; notes what the pages document."""
    for page in files.documentation_pages():
        for path, name in DIRECTIVE.findall(page.content_string):
            documented.setdefault(name, path)  # `compare`, that of losses; the pictures have another
    for name in names.values():
        if drawn := loss_pictures.picture(name):
            files.append(File.generated(config, f"reference/pictures/{name}.svg", content=drawn))
    files.append(File.generated(config, "playground_numbers.js", content=playground.script(playground.numbers())))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        path = notebook.relative_to(ROOT).as_posix()
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown, **kwargs):
    """The parts of the README that other pages link to are on the start page; a loss has its picture at the end."""
    return OF_LOSS.sub(with_picture, markdown.replace("](../README.md", "](index.md"))


def with_picture(directive):
    """What shows a loss, and below it value and gradient as curves, where a picture shows them."""
    name = names.get(directive[1])
    drawn = name and loss_pictures.picture(name)
    text = f"Value and gradient of {directive[1]}"
    if not drawn:
        return directive[0]
    picture = f"![{text}](pictures/{name}.svg){{ .curves }}"
    return f"{directive[0]}\n\n{picture}\n\n[Other options, in the playground](../playground.md#{directive[1]})"


def on_page_content(html, page, **kwargs):
    """Links from notebook to notebook, from names in code to what explains them, and pictures of the README."""
    if page.file.src_uri.endswith(".ipynb"):
        correct_contents(page.toc, re.findall(r'<h\d id="([^"]*)"', html))
        return re.sub(r'(href="[^":]+)\.ipynb"', r'\1.html"', html)
    html = html.replace('src="docs/pictures/', 'src="pictures/')
    html = LINK_HEADING_OR_CODE.sub(linked, html)
    return CELL.sub(lambda cell: re.sub(r"<code>[^<]*", breakable, cell[0]), html)


def linked(found):
    """`Huber` or `Huber(delta=2)` in code as a link to what explains it."""
    identifier = documented.get(found[2])
    return f'<autoref identifier="{identifier}" optional>{found[0]}</autoref>' if identifier else found[0]


def breakable(code):
    """Code that a narrow column may break behind the bracket of a call."""
    return re.sub(r"(?<=\w)\(", "(<wbr>", code[0])


def correct_contents(contents, ids):
    """mkdocs-jupyter leaves code out of the ids of headings in the table of contents, and not in the page."""
    entries = list(in_order(contents))
    if len(entries) == len(ids):
        for entry, heading in zip(entries, ids, strict=True):
            entry.id = heading


def in_order(entries):
    """The entries of a table of contents in the order of the page."""
    for entry in entries:
        yield entry
        yield from in_order(entry.children)
