# ruff: noqa: INP001  # a script of the documentation, not a package
"""Write faults.md from faults.toml: what can go wrong, what happens, the tests that show it.

python docs/faults.py
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER / "faults.md"
TOP = """# What can go wrong

What happens then, and the tests that show it, below `tests/`. The last column says what of it no
test shows. `simulation/…` are histories that draw their faults at random: lost, doubled and
late webhooks; lost, late and broken answers; stores that are away; stale reads; deaths at any step;
a clock that is set.

This page is made of [faults.toml](faults.toml) by [faults.py](faults.py); a test checks that every
test it names is there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that can go wrong."""

    number: int
    fault: str
    then: str
    tests: tuple[str, ...] = ()  # below tests/
    untested: str = ""  # what of it no test shows, or why there is none

    @property
    def line(self) -> str:
        """Return its line in the table."""
        tests = "<br>".join(f"`{test}`" for test in self.tests) or "none"
        return f"| {self.number} | {self.fault} | {self.then} | {tests} | {self.untested} |"


def parts() -> dict[str, list[Fault]]:
    """Return what can go wrong, by the part that it belongs to."""
    found = tomllib.loads((FOLDER / "faults.toml").read_text("utf-8"))["part"]
    return {part["name"]: [_fault(row) for row in part["fault"]] for part in found}


def _fault(row: dict[str, Any]) -> Fault:
    return Fault(**{**row, "tests": tuple(row.get("tests", ()))})


def page() -> str:
    """Return the page."""
    return "\n".join([TOP, *_lines()])


def _lines() -> Iterator[str]:
    for name, faults in parts().items():
        yield f"## {name}\n"
        yield "| # | fault | what happens | tests | not tested |"
        yield "|---|---|---|---|---|"
        yield from (each.line for each in faults)
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
