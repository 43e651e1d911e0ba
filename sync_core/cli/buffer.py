"""`tipo buffer`: keep units back from a store."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import console, echo, echo_json
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    operator,
    run_with_parts,
)
from sync_core.cli.stock import (
    MAX_POOLS_FOUND,
    MAX_POOLS_SHOWN,
    pool_name,
    print_choices,
    print_not_found,
)
from sync_core.domain.values import Alias, PoolId
from sync_core.domain.views import PoolView
from sync_core.errors import cut

ALL_PRODUCTS = "all"
USAGE = "name the product and how many units: `tipo buffer SFDJ-M 2`, or `tipo buffer all 2 us`"

BufferArguments = Annotated[
    list[str],
    typer.Argument(
        metavar="PRODUCT|all UNITS [ALIAS]",
        help="A handle, SKU, barcode or words of the title, or all; the units; the destination.",
    ),
]
BufferRequest = tuple[str | None, int, Alias | None]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("buffer")(buffer)


def buffer(given: BufferArguments, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Keep units of a product, or of all, back from every destination or from one; 0 ends it.

    A store with a buffer of 2 shows 48 where 50 are shared. Exit 1 if no product matches,
    or too many do.
    """
    words, units, alias = parse_request(given)
    pools = None if words is None else run_with_parts(lambda parts: _find_pools(parts, words))
    if pools is not None and not 0 < len(pools) <= MAX_POOLS_SHOWN:
        if as_json:
            echo_json({"words": words, "pools": pools, "levels": 0})
        elif pools:
            print_choices(pools)
        else:
            print_not_found(words or "")
        raise typer.Exit(EXIT_PROBLEM)
    if not as_json or not yes:
        _print_question(pools)
    if not confirm(f"Keep {_units(units)} back from {_stores(alias)}?", yes=yes):
        echo("Nothing was changed.")
        return
    ids = None if pools is None else [each.id for each in pools]
    count = run_with_parts(lambda parts: parts.service.set_buffer(ids, units, alias, operator()))
    if as_json:
        _echo_result(ids, units, alias, count)
    else:
        wait = "; `tipo serve` writes what is pending" if count else ""
        echo(f"{_units(units)} kept back from {_stores(alias)}: {count:,} levels changed{wait}.")


def parse_request(given: Sequence[str], usage: str = USAGE) -> BufferRequest:
    """Return the product's words (None: all), the units and the store that some words mean.

    Raises:
        CommandFailed: If they mean nothing of the kind.
    """
    *words, last = given
    alias = None
    if not last.isdigit() and words and words[-1].isdigit():
        alias, last = Alias(last.lower()), words.pop()
    if not last.isascii() or not last.isdigit() or not words:
        raise CommandFailed(f"{cut(' '.join(given))}: {usage}")
    asked = " ".join(words)
    return None if asked.lower() == ALL_PRODUCTS else asked, int(last[:12]), alias


async def _find_pools(parts: Parts, words: str) -> list[PoolView]:
    return await parts.service.stock(words, live=False, limit=MAX_POOLS_FOUND)


def _print_question(pools: Sequence[PoolView] | None) -> None:
    out = console(err=True)
    if pools is None:
        out.print("All products, new ones included:", soft_wrap=True)
    for each in pools or ():
        out.print(f"{pool_name(each)} at {cut(each.location_group)}", soft_wrap=True)


def _echo_result(ids: Sequence[PoolId] | None, units: int, alias: Alias | None, count: int) -> None:
    pools = ALL_PRODUCTS if ids is None else list(ids)
    echo_json({"pools": pools, "buffer": units, "store": alias, "levels": count})


def _units(units: int) -> str:
    return "1 unit" if units == 1 else f"{units:,} units"


def _stores(alias: Alias | None) -> str:
    return "every destination" if alias is None else cut(alias)
