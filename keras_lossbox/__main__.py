"""The command line: `python -m keras_lossbox demo`."""

import argparse
import sys

from keras_lossbox import demo


def main(arguments=None):
    """Runs one command and returns its exit code; without a command it prints the help."""
    parser = argparse.ArgumentParser(prog="python -m keras_lossbox", description="Losses for Keras 3.")
    parser.set_defaults(run=lambda options: parser.print_help())
    commands = parser.add_subparsers(title="commands")
    demo.add_command(commands)
    options = parser.parse_args(arguments)
    return options.run(options) or 0


if __name__ == "__main__":
    sys.exit(main())
