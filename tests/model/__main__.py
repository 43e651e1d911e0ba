"""Search all worlds through, and write docs/broken-designs.md. `python -m tests.model`.

`--long` searches the large worlds, too. Exit code 1 if the design fails in one of them, or if a
broken one does not.
"""

import argparse
import sys
import time
from pathlib import Path

from tests.model.broken import BROKEN
from tests.model.design import Design
from tests.model.search import Found, search
from tests.model.worlds_to_search import LARGE, WORLDS
from tests.say import say

MANY = 30_000  # worlds, after which a broken design has survived
PAGE = Path(__file__).parents[2] / "docs/broken-designs.md"
TOP = """# Broken designs

Each rule of the design was broken on purpose, one at a time, in a small model that uses the real
functions of the [domain](../sync_core/domain/accounting.py): one product, two stores, and in each
world a few changes by people and a few faults. All orders in which things can happen are searched
through. The design as it is loses no unit in any of these worlds; each broken one does, and this is
the shortest way to it. A and B are two Tipos; each store has 10 at first.

This page is made by `python -m tests.model`; a test checks that it is up to date.

| rule | what is broken | the shortest way | and then |
|---|---|---|---|
"""


def page(found: list[Found]) -> str:
    """Return the page."""
    rows = [
        f"| {each.rule} | {each.name} | {' → '.join(result.trace)} | {result.wrong} |\n"
        for each, result in zip(BROKEN, found, strict=True)
    ]
    return TOP + "".join(rows)


def broken_designs() -> list[Found]:
    """Return what each broken design comes to."""
    found = []
    for each in BROKEN:
        with each.applied() as design:
            found.append(search(design, WORLDS[each.world], most=MANY))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="search the large worlds, too")
    options = parser.parse_args()
    failed = 0
    for name, start in (WORLDS | LARGE if options.long else WORLDS).items():
        began = time.process_time()
        found = search(Design(), start)
        seconds = time.process_time() - began
        say(f"{found.worlds:8,} worlds, {found.rests:6,} at rest, {seconds:5.1f} s  {name}")
        if found.wrong:
            failed += 1
            say("\n".join((*found.trace, found.wrong)))
    results = broken_designs()
    for each, found in zip(BROKEN, results, strict=True):
        steps = f"{len(found.trace)} steps" if found.wrong else "SURVIVES"
        failed += not found.wrong
        say(f"{steps:>9}  {each.name}: {found.wrong}")
        for step in found.trace:
            say(f"           {step}")
    PAGE.write_text(page(results), "utf-8")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
