"""What the programs among the tests print while they run."""

import sys


def say(line: str) -> None:
    """Print a line at once, whatever standard output is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
