"""`tipo safety-stop`: what a store's sudden change is about, and what to do with it."""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.decisions import Timeout, decide_and_wait, describe_unchanged
from sync_core.cli.export import format_csv_line, open_output
from sync_core.cli.output import console, echo, echo_json, echo_table
from sync_core.cli.runtime import (
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    operator,
    run_with_parts,
)
from sync_core.domain.proposals import Choice, Receipt
from sync_core.domain.views import CircuitBreakerView, StoppedProduct

MAX_PRODUCTS_SHOWN = 50  # products in a terminal; --csv writes all of them
PAGE_ROWS = 500
COLUMNS = ("store", "product", "sku", "location", "before", "now", "units", "reached", "stopped")


class SafetyStopAction(StrEnum):
    """What to do about it."""

    APPLY = "apply"
    INVESTIGATE = "investigate"
    RESTORE = "restore"


CHOICE_OF_ACTION = {
    SafetyStopAction.APPLY: Choice.RELEASE,
    SafetyStopAction.RESTORE: Choice.DISCARD,
}
ON_IT = "You are on it. Nothing is written until somebody decides."
IS_OVER = "somebody has just decided; it is being applied"
DONE_WORDS = {
    SafetyStopAction.APPLY: "The new numbers of {store} are applied: {pools}.",
    SafetyStopAction.RESTORE: (
        "The stock of {store} is restored: {pools} set back to the previous numbers."
    ),
}

ActionArgument = Annotated[
    SafetyStopAction | None,
    typer.Argument(
        help="apply: write the new numbers to the other stores. restore: set all products back to "
        "the previous numbers, wherever they had changed. investigate: tell everybody that you "
        "are on it. Without it, show what there is to decide."
    ),
]
AliasArgument = Annotated[
    str | None, typer.Argument(help="The store that changed; needed if there are several.")
]
CsvOption = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write all products to a CSV file.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("safety-stop")(safety_stop)


def safety_stop(
    wanted: ActionArgument = None,
    alias: AliasArgument = None,
    *,
    csv: CsvOption = None,
    yes: Yes = False,
    time_out: Timeout = 60.0,
    as_json: AsJson = False,
) -> None:
    """Show what a safety stop is about, or decide: apply, restore, investigate.

    What was sold since then stays sold, whatever you decide. Waits for the result if `tipo serve`
    runs; else it is done when that starts. Exit 1 if nothing was done, or not in time.
    """
    stops = [each for each in run_with_parts(_open_stops) if alias in {None, each.store}]
    if csv is not None:
        count = run_with_parts(partial(_write_csv, stops, csv))
        console(err=True).print(f"{count:,} products written to {csv}", soft_wrap=True)
    if wanted is None:
        run_with_parts(lambda parts: _print_stops(parts, stops, as_json=as_json))
        return
    stop = _single(stops, alias)
    if not confirm(_question(stop, wanted), yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: _decide(parts, stop, wanted, time_out, as_json=as_json))


async def _open_stops(parts: Parts) -> Sequence[CircuitBreakerView]:
    return (await parts.service.overview()).breakers


def _single(stops: Sequence[CircuitBreakerView], alias: str | None) -> CircuitBreakerView:
    """Return the one that is meant."""
    if not stops:
        raise CommandFailed(f"there is no open safety stop{f' of {alias}' if alias else ''}")
    if len(stops) > 1:
        names = ", ".join(each.store for each in stops)
        raise CommandFailed(f"there are several safety stops; name the store: {names}")
    return stops[0]


# -- what there is to decide
def describe_stop(stop: CircuitBreakerView) -> str:
    """Return what a safety stop is about, and how far it has come."""
    pools = format_products(stop.pools)
    orders = "with no matching orders" if stop.orders_known else "(Tipo can't see its orders)"
    stopped = ", ".join(f"{n} to {each}" for each, n in sorted(stop.stopped.items()))
    reached = ", ".join(f"{n} had already reached {each}" for each, n in stop.reached.items())
    looking = f" {stop.investigated_by} is on it." if stop.investigated_by else ""
    return (
        f"Safety stop: {pools} changed at once in {stop.store} {orders}, "
        f"{stop.units:,} units, since {stop.since:%Y-%m-%d %H:%M} UTC. "
        f"Updates stopped: {stopped or 'none'}; {reached or 'none had reached another store'}."
        f"{looking} `tipo safety-stop` lists the products and lets you decide."
    )


def format_products(pools: int) -> str:
    """Return how many products."""
    return f"{pools:,} product{'' if pools == 1 else 's'}"


async def _print_stops(parts: Parts, stops: Sequence[CircuitBreakerView], *, as_json: bool) -> None:
    found = [
        (stop, await parts.service.stopped_products(stop.subject, limit=MAX_PRODUCTS_SHOWN))
        for stop in stops
    ]
    if as_json:
        echo_json({"stops": [{"stop": stop, "products": rows} for stop, (_, rows) in found]})
        return
    if not found:
        echo("There is no safety stop: nothing to decide.")
    for stop, (total, rows) in found:
        echo(describe_stop(stop))
        echo_table(COLUMNS, map(_product_row, rows))
        if total > len(rows):
            echo(f"and {total - len(rows):,} more: --csv FILE writes them all.")


def _product_row(each: StoppedProduct) -> tuple[object, ...]:
    return (
        *(each.store, each.title, each.sku, each.location_group, each.before, each.now, each.units),
        *(" ".join(each.reached), " ".join(each.stopped)),
    )


async def _write_csv(stops: Sequence[CircuitBreakerView], file: Path, parts: Parts) -> int:
    """Write every product, page by page; return how many."""
    count = 0
    with open_output(file) as stream:
        stream.write(format_csv_line(COLUMNS))
        for stop in stops:
            at = 0
            while True:
                read = parts.service.stopped_products
                _, page = await read(stop.subject, offset=at, limit=PAGE_ROWS)
                stream.writelines(format_csv_line(_product_row(each)) for each in page)
                at, count = at + len(page), count + len(page)
                if len(page) < PAGE_ROWS:
                    break
    return count


# -- deciding
def _question(stop: CircuitBreakerView, wanted: SafetyStopAction) -> str:
    stores = " and ".join(stop.stopped) or "no store"
    reached = " and ".join(stop.reached)
    also = f", also in {reached} where the change had arrived" if reached else ""
    match wanted:
        case SafetyStopAction.APPLY:
            return f"Write the new numbers of {format_products(stop.pools)} to {stores}?"
        case SafetyStopAction.RESTORE:
            what = f"Set {format_products(stop.pools)} in {stop.store} back to the previous numbers"
            return f"{what}{also}?"
        case SafetyStopAction.INVESTIGATE:
            return f"Tell everybody that you are on it: the change in {stop.store}?"


async def _decide(
    parts: Parts,
    stop: CircuitBreakerView,
    wanted: SafetyStopAction,
    time_out: float,
    *,
    as_json: bool,
) -> None:
    """Decide, wait for the result, and say what it is; who is on it is noted at once."""
    if wanted is SafetyStopAction.INVESTIGATE:
        by = operator()
        if not await parts.service.investigate(stop.subject, by):
            raise CommandFailed(IS_OVER)
        echo_json({"investigated_by": by.name}) if as_json else echo(ON_IT)
        return
    question = await parts.service.question("circuit_breaker", stop.subject)
    if question is None:
        raise CommandFailed(IS_OVER)

    def print_result(receipt: Receipt, serving: bool) -> None:  # noqa: FBT001
        echo(_describe_result(receipt, stop, wanted, serving=serving))

    await decide_and_wait(
        parts,
        question,
        CHOICE_OF_ACTION[wanted],
        time_out,
        otherwise="nothing was done",
        print_result=None if as_json else print_result,
    )


def _describe_result(
    receipt: Receipt, stop: CircuitBreakerView, wanted: SafetyStopAction, *, serving: bool
) -> str:
    """Return what came of it."""
    unchanged = describe_unchanged(receipt, serving=serving)
    if unchanged is not None:
        return unchanged
    return DONE_WORDS[wanted].format(
        store=stop.store, pools=format_products(receipt.lines[0].pools)
    )
