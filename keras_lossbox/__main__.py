"""The command line: `python -m keras_lossbox demo`, `compare`, `list` and `plot`."""

import argparse
import ast
import inspect
import json
import shutil
import sys
from pathlib import Path

import keras_lossbox
from keras_lossbox import plots
from keras_lossbox.core.registry import snake_case
from keras_lossbox.tools import demo
from keras_lossbox.tools.comparison import table


def main(arguments=None):
    """Runs one command and returns its exit code; without a command it prints the help."""
    parser = argparse.ArgumentParser(prog="python -m keras_lossbox", description="Losses for Keras 3.")
    parser.set_defaults(run=lambda options: parser.print_help())
    commands = parser.add_subparsers(title="commands")
    add_demo(commands)
    add_compare(commands)
    add_list(commands)
    add_plot(commands)
    options, rest = parser.parse_known_args(arguments)
    if "words" in options:
        options.words = rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options.run(options) or 0


def add_demo(commands):
    """Adds `demo` to the subcommands of the command line."""
    parser = commands.add_parser(
        "demo",
        help="train with missing labels, save, reload in a fresh process, go on training (less than a minute)",
        description="Trains a small model with most of its labels missing, in six ways, with five seeds each; saves "
        "the one with Masked, reloads it in a fresh process and checks that nothing changed. Writes model.keras and "
        "demo.png.",
    )
    parser.add_argument("--output", metavar="DIR", default="lossbox_demo", help="where to write (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="print the results only, no progress")
    parser.set_defaults(run=run_demo)


def run_demo(options):
    """The subcommand: the exit code is 0, or 1 after a sentence on stderr."""
    try:
        demo.demo(Path(options.output), options.quiet)
    except (demo.DemoError, OSError) as error:
        print(f"keras_lossbox demo: {error}", file=sys.stderr)
        return 1
    return 0


def add_compare(commands):
    """Adds `compare` to the subcommands of the command line."""
    parser = commands.add_parser(
        "compare",
        help="which loss is best for a table: compare data.csv --label y",
        description="Reads a table, trains a small network with each of the losses that its labels suggest, over "
        "several seeds, and says which differences are more than noise. Writes the table, a picture, the best model "
        "and its preprocessing. After an interruption the same command goes on.",
    )
    parser.add_argument("table", metavar="FILE", help="a CSV file, whose first line names the columns")
    parser.add_argument("--label", metavar="COLUMN", required=True, help="the column to be predicted")
    parser.add_argument(
        "--losses", metavar="LOSS", nargs="+", help="names that `list` shows, in place of those suggested"
    )
    kinds = ("binary", "classes", "counts", "amounts", "numbers")
    parser.add_argument("--kind", choices=kinds, help="what the labels are (default: what they seem to be)")
    parser.add_argument("--seeds", metavar="N", type=int, default=5, help="how many (default: %(default)s)")
    parser.add_argument("--epochs", metavar="N", type=int, default=50, help="at most so many (default: %(default)s)")
    parser.add_argument(
        "--output", metavar="DIR", default="lossbox_compare", help="where to write (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the results only, no progress")
    parser.set_defaults(run=run_compare)


def run_compare(options):
    """The subcommand: the exit code is 0, 1 if a file or a package is missing, 2 for what does not fit; a sentence."""
    chosen = {name: getattr(options, name) for name in ("losses", "kind", "seeds", "epochs", "quiet")}
    try:
        table.compare_table(options.table, options.label, Path(options.output), **chosen)
    except (ValueError, TypeError) as error:
        print(f"keras_lossbox compare: {str(error).removeprefix('compare: ')}", file=sys.stderr)
        return 2
    except (ImportError, OSError) as error:
        print(f"keras_lossbox compare: {str(error).removeprefix('compare: ')}", file=sys.stderr)
        return 1
    return 0


def add_list(commands):
    """Adds `list` to the subcommands of the command line."""
    parser = commands.add_parser("list", help="what each loss is for, and its options")
    parser.set_defaults(run=print_list)


def print_list(options):
    """The subcommand: a table of every loss of the package."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=True)
    table.add_column("loss", no_wrap=True)
    table.add_column("for", ratio=1)
    table.add_column("options and their defaults", ratio=1)
    for name, cls in keras_lossbox.available().items():
        table.add_row(name, inspect.getdoc(cls).splitlines()[0], ", ".join(defaults_of(cls)))
    wide = max(80, shutil.get_terminal_size((120, 24)).columns)  # 120 for a file or a pipe
    Console(width=wide, markup=False, highlight=False).print(table)
    print('Every loss takes reduction, name and dtype as well. More: help(keras_lossbox.get("huber"))')


def defaults_of(cls):
    """`name=default` for each option of a loss but those that all losses have."""
    options = inspect.signature(cls).parameters
    own = [option for name, option in options.items() if name not in ("reduction", "name", "dtype")]
    return [option.name if option.default is option.empty else f"{option.name}={option.default!r}" for option in own]


def add_plot(commands):
    """Adds `plot` to the subcommands of the command line."""
    parser = commands.add_parser(
        "plot",
        help="draw a loss and its gradient: plot huber --delta 2 -o huber.png",
        description="Draws a loss and its gradient. The options of the loss follow its name: --name value, the value "
        "written as in Python or JSON; --name alone is True.",
        usage="%(prog)s LOSS [--OPTION VALUE ...] [-o FILE]",
        allow_abbrev=False,
    )
    parser.add_argument("loss", help="a name that `list` shows")
    parser.add_argument("-o", "--output", metavar="FILE", help="the picture to write (default: the loss's name, .png)")
    parser.set_defaults(run=plot, words=())


def plot(options):
    """The subcommand: the exit code is 0, 1 if the picture cannot be written, 2 for a wrong loss or option."""
    try:
        loss = keras_lossbox.get(options.loss, **loss_options(options.words))
        path = options.output or f"{snake_case(type(loss).__name__)}.png"
        draw(loss, path)
    except (ValueError, TypeError) as error:
        print(f"keras_lossbox plot: {error}", file=sys.stderr)
        return 2
    except (ImportError, OSError) as error:
        print(f"keras_lossbox plot: {error}", file=sys.stderr)
        return 1
    print(f"Wrote {path}")
    return 0


def draw(loss, path):
    """The picture, without pyplot, which may want a display."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('matplotlib is missing; install it with: pip install "keras-lossbox[demo]"') from error
    with rc_context({"font.size": 13}):
        figure = Figure(figsize=(10, 4.8), layout="constrained")
        plots.plot_loss(loss, ax=figure.subplots(1, 2))
        figure.savefig(path, dpi=150)


def loss_options(words):
    """`["--delta", "2", "--from-logits"]` as `{"delta": 2, "from_logits": True}`."""
    options, words = {}, [part for word in words for part in (word.split("=", 1) if word[:2] == "--" else [word])]
    while words:
        name = words.pop(0)
        if not name.startswith("--"):
            raise ValueError(f"options of a loss are written --name value. Received: {name!r}")
        name = name[2:].replace("-", "_")
        value = literal(words.pop(0)) if words and not words[0].startswith("--") else True
        if name == "loss" and isinstance(value, str):  # of Masked
            value = keras_lossbox.get(value)
        if name == "losses" and isinstance(value, list):  # of WeightedSum
            value = [keras_lossbox.get(item) for item in value]
        options[name] = value
    return options


def literal(text):
    """What the text says in Python or JSON; the text itself if it is neither, such as the name of a reduction."""
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text


if __name__ == "__main__":
    sys.exit(main())
