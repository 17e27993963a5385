"""A figure from a process of its own, so that nothing before it is part of it."""

import json
import os
import subprocess
import sys

# Freed arrays go back to the system at once, so that the peak is what a step holds: oneDNN's allocator keeps them, and
# a step that was given one would seem to need no memory.
FRUGAL = {"TF_ENABLE_ONEDNN_OPTS": "0", "MALLOC_MMAP_THRESHOLD_": str(2**20)}


def figures_of(module, environment, *arguments):
    """The JSON on the last line that `python -m benchmarks.<module>` prints with these arguments."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])
