"""`tipo buffer`: keep units back from a store."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.printing import console, say, say_json
from sync_core.cli.running import BAD_NEWS, AsJson, CannotWork, Yes, confirm, person, using
from sync_core.cli.stock import MOST_FOUND, MOST_SHOWN, choose, name, not_found
from sync_core.domain.values import Alias, PoolId
from sync_core.domain.views import PoolView
from sync_core.errors import cut

ALL = "all"
USAGE = "say which product and how many units: `tipo buffer SFDJ-M 2`, or `tipo buffer all 2 us`"

Given = Annotated[
    list[str],
    typer.Argument(
        metavar="PRODUCT|all UNITS [ALIAS]",
        help="A handle, SKU, barcode or words of the title, or all; the units; the destination.",
    ),
]
Asked = tuple[str | None, int, Alias | None]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("buffer")(buffer)


def buffer(given: Given, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Keep units of a product, or of all, back from every destination or from one; 0 ends it.

    A store with a buffer of 2 shows 48 where 50 are shared. Exit 1 if no product goes by that
    name, or too many do.
    """
    words, units, alias = read(given)
    pools = None if words is None else using(lambda parts: _find(parts, words))
    if pools is not None and not 0 < len(pools) <= MOST_SHOWN:
        if as_json:
            say_json({"words": words, "pools": pools, "levels": 0})
        elif pools:
            choose(pools)
        else:
            not_found(words or "")
        raise typer.Exit(BAD_NEWS)
    if not as_json or not yes:
        _print_question(pools)
    if not confirm(f"Keep {_units(units)} back from {_stores(alias)}?", yes=yes):
        say("Nothing was changed.")
        return
    ids = None if pools is None else [each.id for each in pools]
    count = using(lambda parts: parts.service.set_buffer(ids, units, alias, person()))
    if as_json:
        _say_result(ids, units, alias, count)
    else:
        wait = "; `tipo serve` writes what follows" if count else ""
        say(f"{_units(units)} kept back from {_stores(alias)}: {count:,} levels changed{wait}.")


def read(given: Sequence[str], usage: str = USAGE) -> Asked:
    """Return the product's words (None: all), the units and the store that some words mean.

    Raises:
        CannotWork: If they mean nothing of the kind.
    """
    *words, last = given
    alias = None
    if not last.isdigit() and words and words[-1].isdigit():
        alias, last = Alias(last.lower()), words.pop()
    if not last.isascii() or not last.isdigit() or not words:
        raise CannotWork(f"{cut(' '.join(given))}: {usage}")
    asked = " ".join(words)
    return None if asked.lower() == ALL else asked, int(last[:12]), alias


async def _find(parts: Parts, words: str) -> list[PoolView]:
    return await parts.service.stock(words, live=False, limit=MOST_FOUND)


def _print_question(pools: Sequence[PoolView] | None) -> None:
    out = console(err=True)
    if pools is None:
        out.print("All products, also those to come:", soft_wrap=True)
    for each in pools or ():
        out.print(f"{name(each)} at {cut(each.place)}", soft_wrap=True)


def _say_result(ids: Sequence[PoolId] | None, units: int, alias: Alias | None, count: int) -> None:
    pools = ALL if ids is None else list(ids)
    say_json({"pools": pools, "buffer": units, "store": alias, "levels": count})


def _units(units: int) -> str:
    return "1 unit" if units == 1 else f"{units:,} units"


def _stores(alias: Alias | None) -> str:
    return "every destination" if alias is None else cut(alias)
