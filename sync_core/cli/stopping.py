"""`tipo safety-stop`: what a store's sudden change is about, and what to do with it."""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.exporting import csv_line, opened
from sync_core.cli.printing import console, say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, CannotWork, Yes, confirm, person, using
from sync_core.cli.undoing import RULE, TimeOut, carried_out
from sync_core.domain.proposals import Choice, Receipt
from sync_core.domain.views import BrakeView, StoppedProduct
from sync_core.errors import cut

SHOWN = 50  # products in a terminal; --csv writes all of them
A_PAGE = 500
COLUMNS = ("store", "product", "sku", "location", "before", "now", "units", "reached", "stopped")


class Does(StrEnum):
    """What to do about it."""

    APPLY = "apply"
    INVESTIGATE = "investigate"
    RESTORE = "restore"


CHOICES = {
    Does.APPLY: Choice.RELEASE,
    Does.INVESTIGATE: Choice.HOLD,
    Does.RESTORE: Choice.DISCARD,
}
DONE = {
    Does.APPLY: "The new numbers of {store} are applied: {pools}.",
    Does.INVESTIGATE: "Noted: you are looking into it. Nothing is written until somebody decides.",
    Does.RESTORE: "The stock of {store} is restored: {pools} set back to the previous numbers.",
}

Wanted = Annotated[
    Does | None,
    typer.Argument(
        help="apply: write the new numbers to the other stores. restore: set all products back to "
        "the previous numbers, wherever they had changed. investigate: say that you look into it. "
        "Without it, show what there is to decide."
    ),
]
Which = Annotated[
    str | None, typer.Argument(help="The store that changed; needed if there are several.")
]
Csv = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write all products to a CSV file.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("safety-stop")(safety_stop)


def safety_stop(
    wanted: Wanted = None,
    alias: Which = None,
    *,
    csv: Csv = None,
    yes: Yes = False,
    time_out: TimeOut = 60.0,
    as_json: AsJson = False,
) -> None:
    """Show what a safety stop is about, or decide: apply, restore, investigate.

    What was sold since then stays sold, whatever you decide. Waits for the result if `tipo serve`
    runs; else it is done when that starts. Exit 1 if nothing was done, or not in time.
    """
    stops = [each for each in using(_stops) if alias in {None, each.store}]
    if csv is not None:
        count = using(partial(_write, stops, csv))
        console(err=True).print(f"{count:,} products written to {csv}", soft_wrap=True)
    if wanted is None:
        using(lambda parts: _show(parts, stops, as_json=as_json))
        return
    stop = _only(stops, alias)
    if not confirm(_question(stop, wanted), yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: _decide(parts, stop, wanted, time_out, as_json=as_json))


async def _stops(parts: Parts) -> Sequence[BrakeView]:
    return (await parts.service.overview()).brakes


def _only(stops: Sequence[BrakeView], alias: str | None) -> BrakeView:
    """Return the one that is meant."""
    if not stops:
        raise CannotWork(f"there is no safety stop{f' of {alias}' if alias else ''} to decide on")
    if len(stops) > 1:
        names = ", ".join(each.store for each in stops)
        raise CannotWork(f"there are several safety stops; say which store: {names}")
    return stops[0]


# -- what there is to decide
def told(stop: BrakeView) -> str:
    """Return what a safety stop is about, and how far it has come."""
    pools = counted(stop.pools)
    orders = "with no matching orders" if stop.orders_known else "(Tipo can't see its orders)"
    stopped = ", ".join(f"{n} to {each}" for each, n in sorted(stop.stopped.items()))
    reached = ", ".join(f"{n} had already reached {each}" for each, n in stop.reached.items())
    looking = f" {stop.held_by} is looking into it." if stop.held_by else ""
    return (
        f"Safety stop: {pools} changed at once in {stop.store} {orders}, "
        f"{stop.units:,} units, since {stop.since:%Y-%m-%d %H:%M} UTC. "
        f"Updates stopped: {stopped or 'none'}; {reached or 'none had reached another store'}."
        f"{looking} `tipo safety-stop` lists the products and lets you decide."
    )


def counted(pools: int) -> str:
    """Return how many products."""
    return f"{pools:,} product{'' if pools == 1 else 's'}"


async def _show(parts: Parts, stops: Sequence[BrakeView], *, as_json: bool) -> None:
    found = [
        (stop, await parts.service.stopped_products(stop.subject, limit=SHOWN)) for stop in stops
    ]
    if as_json:
        say_json({"stops": [{"stop": stop, "products": rows} for stop, (_, rows) in found]})
        return
    if not found:
        say("There is no safety stop: nothing is to be decided.")
    for stop, (total, rows) in found:
        say(told(stop))
        show(COLUMNS, map(_row, rows))
        if total > len(rows):
            say(f"and {total - len(rows):,} more: --csv FILE writes them all.")


def _row(each: StoppedProduct) -> tuple[object, ...]:
    return (
        *(each.store, each.title, each.sku, each.place, each.before, each.now, each.units),
        *(" ".join(each.reached), " ".join(each.stopped)),
    )


async def _write(stops: Sequence[BrakeView], file: Path, parts: Parts) -> int:
    """Write every product, page by page; return how many."""
    count = 0
    with opened(file) as stream:
        stream.write(csv_line(COLUMNS))
        for stop in stops:
            at = 0
            while True:
                read = parts.service.stopped_products
                _, page = await read(stop.subject, offset=at, limit=A_PAGE)
                stream.writelines(csv_line(_row(each)) for each in page)
                at, count = at + len(page), count + len(page)
                if len(page) < A_PAGE:
                    break
    return count


# -- deciding
def _question(stop: BrakeView, wanted: Does) -> str:
    stores = " and ".join(stop.stopped) or "no store"
    reached = " and ".join(stop.reached)
    also = f", also in {reached} where it had got to" if reached else ""
    match wanted:
        case Does.APPLY:
            return f"Write the new numbers of {counted(stop.pools)} to {stores}?"
        case Does.RESTORE:
            what = f"Set {counted(stop.pools)} in {stop.store} back to the previous numbers"
            return f"{what}{also}?"
        case Does.INVESTIGATE:
            return f"Tell everybody that you are looking into the change in {stop.store}?"


async def _decide(
    parts: Parts, stop: BrakeView, wanted: Does, time_out: float, *, as_json: bool
) -> None:
    """Decide, wait for the result, and say what it is."""
    question = await parts.service.question("brake", stop.subject)
    if question is None:
        raise CannotWork("somebody has just decided, and it is being carried out")
    choice = CHOICES[wanted]
    clicked = await parts.service.decide(question.token, choice, person(), RULE)
    made, serving, done = await carried_out(parts, clicked, time_out, otherwise="nothing was done")
    if as_json:
        say_json({"receipt": made, "serving": serving, "done": done})
    else:
        say(_result(made, stop, wanted, serving=serving))
    if serving and not done:
        raise typer.Exit(BAD_NEWS)


def _result(made: Receipt, stop: BrakeView, wanted: Does, *, serving: bool) -> str:
    """Return what came of it."""
    if made.running:
        when = "not done in time; it goes on" if serving else "it is done when `tipo serve` runs"
        return f"Noted as receipt {made.id}: {when}."
    line = made.lines[0]
    if not line.done:
        return f"Nothing was changed: {cut(line.why)}."
    return DONE[wanted].format(store=stop.store, pools=counted(line.pools))
