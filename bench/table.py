"""What the benches share: their arguments, and how figures are printed."""

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path


def arguments(*defaults: float) -> list[float]:
    """Return the numbers on the command line; those that are missing are as given here."""
    words = sys.argv[1:]
    return [
        type(default)(words[n]) if n < len(words) else default for n, default in enumerate(defaults)
    ]


def machine() -> str:
    """Return one line about where this was measured, and how busy it was."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    one, _, _ = os.getloadavg()
    return (
        f"{model}, {os.cpu_count()} processors, load {one:.1f}, Python {platform.python_version()}"
    )


def with_spread(values: Sequence[float], form: str = ".0f") -> str:
    """Return a median with the least and the most: 4100 (3900 to 4400)."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def times(ratio: float) -> str:
    """Return a ratio: 1.25 x."""
    return f"{ratio:.2f} x"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first row is its head, all columns but the first are numbers."""
    head, *rest = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rest]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
