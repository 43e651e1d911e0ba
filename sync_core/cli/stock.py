"""`tipo stock` and `tipo history`: what a product's pools hold, and how it came about."""

from collections.abc import Sequence
from datetime import datetime

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo, echo_json, echo_table, format_age, signed
from sync_core.cli.runtime import EXIT_PROBLEM, AsJson, LimitOption, ProductWords, run_with_parts
from sync_core.domain.shadow import PENDING_IN_SHADOW
from sync_core.domain.values import Mode
from sync_core.domain.views import HistoryEntry, LevelView, PoolView
from sync_core.errors import cut

MAX_POOLS_SHOWN = 10  # pools; more are a list to choose from
MAX_POOLS_FOUND = 50
ADJUSTMENT_WORDS = {
    "open": "on its way",
    "settled": "written",
    "refused": "refused by the store",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("stock")(stock)
    app.command("history")(history)


def stock(words: ProductWords, *, as_json: AsJson = False) -> None:
    """Show what each store has of a product: live, expected, and pending.

    Exit 1 if no synced product matches.
    """
    asked = " ".join(words)
    pools = run_with_parts(lambda parts: parts.service.stock(asked, limit=MAX_POOLS_FOUND))
    if as_json:
        echo_json({"words": asked, "pools": pools})
    elif not pools:
        print_not_found(asked)
    elif len(pools) > MAX_POOLS_SHOWN:
        print_choices(pools)
    else:
        now, in_shadow = run_with_parts(_now)
        for number, pool in enumerate(pools):
            _print_pool(pool, now, gap=number > 0)
        if in_shadow:
            echo(PENDING_IN_SHADOW)
    if not pools:
        raise typer.Exit(EXIT_PROBLEM)


async def _now(parts: Parts) -> tuple[datetime, bool]:
    """Return the time, and whether nothing is written."""
    return parts.clock.now(), (await parts.service.overview()).shadow is not None


def print_not_found(asked: str) -> None:
    """Say that no product goes by that name."""
    echo(
        f'No synced product matches "{cut(asked)}". Type a handle, a SKU, a barcode or words of '
        "the title. `tipo mode` counts products with no match in another store."
    )


def print_choices(pools: Sequence[PoolView]) -> None:
    """List hits, for another try."""
    more = " or more" if len(pools) == MAX_POOLS_FOUND else ""
    echo(f"{len(pools)}{more} products match. Choose one by its SKU, or type more words.")
    echo_table(
        ("title", "SKU", "handle", "location", "shared"),
        ((each.title, _sku(each), each.handle, each.location_group, each.shared) for each in pools),
    )


def _sku(pool: PoolView) -> str:
    return next((each.sku for each in pool.levels if each.sku), "")


def _print_pool(pool: PoolView, now: datetime, *, gap: bool) -> None:
    if gap:
        echo()
    shared = "not synced yet" if pool.shared is None else f"{pool.shared} shared"
    echo(
        f"{pool_name(pool)}: {shared}, last changed {format_age(pool.moved_at, now)}", style="bold"
    )
    echo_table(
        ("store", "location", "shows", "expected", "pending", "state"),
        (
            (
                each.store,
                each.location_group,
                each.shows,
                None if each.book is None else each.book + each.outstanding,
                signed(each.outstanding) if each.outstanding else 0,
                describe_level(each, pool),
            )
            for each in pool.levels
        ),
    )


def pool_name(pool: PoolView) -> str:
    """Return what people call a pool, on one line."""
    sku = _sku(pool)
    return f"{cut(pool.title)} [{cut(sku)}]" if sku else cut(pool.title)


def describe_level(level: LevelView, pool: PoolView) -> str:
    """Return how a level is, in words.

    the level                    is
    ---------------------------  --------------------------------------
    of a connection that is off  off
    suspended                    not synced, and why
    with an open adjustment      being written
    with a look that is wanted   being read
    without a meeting            a mismatch, or not compared yet
    that owes                    pending
    with packs                   in sync, in packs of so many
    else                         in sync

    """
    if level.mode is Mode.OFF:
        return "off"
    if level.suspended:
        return f"not synced: {level.suspended}"
    if level.open_delta is not None:
        return f"being written: {signed(level.open_delta)}"
    if level.awaits_refresh:
        return "being read"
    if not level.baselined:
        alone = level.book is None or pool.shared is None or level.book == level.expected
        return "initial comparison open" if alone else "mismatch: not synced"
    return "pending" if level.outstanding else _describe_equal(level)


def _describe_equal(level: LevelView) -> str:
    return "in sync" if level.pack == 1 else f"in sync, in packs of {level.pack}"


def history(words: ProductWords, *, limit: LimitOption = 50, as_json: AsJson = False) -> None:
    """Show why a product has its number: sales, edits, decisions, and what Tipo wrote.

    Exit 1 if no synced product matches.
    """
    asked = " ".join(words)
    found = run_with_parts(lambda parts: _read_histories(parts, asked, limit))
    if as_json:
        echo_json(
            {
                "words": asked,
                "pools": [
                    {"pool": pool.id, "title": pool.title, "sku": _sku(pool), "entries": entries}
                    for pool, entries in found
                ],
            }
        )
    elif not found:
        print_not_found(asked)
    elif len(found) > MAX_POOLS_SHOWN:
        print_choices([pool for pool, _ in found])
    else:
        for number, (pool, entries) in enumerate(found):
            _print_history(pool, entries, gap=number > 0)
    if not found:
        raise typer.Exit(EXIT_PROBLEM)


async def _read_histories(
    parts: Parts, asked: str, limit: int
) -> list[tuple[PoolView, Sequence[HistoryEntry]]]:
    pools = await parts.service.stock(asked, live=False, limit=MAX_POOLS_FOUND)
    if len(pools) > MAX_POOLS_SHOWN:
        return [(pool, ()) for pool in pools]
    return [(pool, await parts.service.history(pool.id, limit=limit)) for pool in pools]


def _print_history(pool: PoolView, entries: Sequence[HistoryEntry], *, gap: bool) -> None:
    if gap:
        echo()
    echo(pool_name(pool), style="bold")
    if not entries:
        echo("  no changes since the initial comparison")
    day = ""
    for each in entries:
        at = each.at.astimezone()
        if day != (day := f"{at:%Y-%m-%d}"):
            echo(f"  {day} {at:%Z}")
        echo(f"  {at:%H:%M:%S}  {describe_entry(each)}")


def describe_entry(entry: HistoryEntry) -> str:
    """Return one line of a timeline, without its time."""
    head = f"{entry.store:<6} {signed(entry.delta):>5}"
    if entry.kind == "movement":
        after = "" if entry.shared is None else f" → shared {entry.shared}"
        if entry.state != "counted":
            after = "  (not synced: this store is one-way)"
        return f"{head}  {cut(entry.cause)}{after}"
    if entry.kind == "gap":
        return f"{entry.store or 'all':<6}     -  gap: {cut(entry.cause)}"
    if entry.kind == "decision":
        return f"{head}  {cut(entry.cause)} → shared {entry.shared}"
    words = ADJUSTMENT_WORDS.get(entry.state, entry.state)
    took = (
        "" if entry.seconds is None or entry.state != "settled" else f" after {entry.seconds:.2f} s"
    )
    why = f": {cut(entry.cause)}" if entry.cause else ""
    return f"{head}  {words}{took}{why}"
