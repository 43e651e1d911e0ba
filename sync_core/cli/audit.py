"""`tipo audit`: whether the books add up, and whether what was recorded is as it was sealed."""

from collections.abc import Iterable
from typing import Annotated

import typer

from sync_core.cli.output import echo, echo_json, echo_table, format_time
from sync_core.cli.runtime import EXIT_PROBLEM, AsJson, run_with_parts
from sync_core.domain.audit import Breach, Law, OrderShare
from sync_core.domain.seals import AlteredSeal
from sync_core.domain.views import AuditView, SealView

LAW_NAMES = {
    Law.SHARED: "shared quantity",
    Law.BOOK: "book",
    Law.OPEN: "updates under way",
    Law.BATCH: "updates at odds with their batch",
    Law.ORDERS: "changes at odds with their orders",
}
OTHER_CAUSES = {Law.SHARED: "decisions", Law.BOOK: "updates"}

VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Compare what was recorded with the daily seals, too.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)


def audit(*, verify: VerifyOption = False, as_json: AsJson = False) -> None:
    """Audit the books of every product: each unit must be explained by what was recorded.

    The shared quantity is where it started, plus changes in the stores, plus decisions; a
    store's book is where it started, plus its changes, plus what Tipo wrote. Nothing is changed
    here: `tipo serve` stops a product by itself. With --verify every day's seal is compared with
    what there is now. Exit 1 if anything does not add up, or was altered.
    """
    found = run_with_parts(lambda parts: parts.service.audit())
    seals = run_with_parts(lambda parts: parts.service.verify()) if verify else None
    if as_json:
        echo_json({**_as_json(found), **({} if seals is None else {"seals": seals})})
    else:
        _print_audit(found)
        _print_shares(found.shares)
        if seals is not None:
            _print_seals(seals)
    if found.wrong or (seals is not None and seals.altered is not None):
        raise typer.Exit(EXIT_PROBLEM)


def _as_json(found: AuditView) -> dict[str, object]:
    counts = {name: getattr(found, name) for name in ("at", "pools", "levels", "wrong")}
    breaches = [
        {
            **{name: getattr(each, name) for name in ("law", "pool", "title", "store")},
            **{name: getattr(each, name) for name in ("recorded", "expected", "first")},
            "movements": each.movements,
            OTHER_CAUSES.get(each.law, "others"): each.others,
            "why": each.why,
        }
        for each in found.breaches
    ]
    shares = ("since", "moved", "by_orders", "otherwise")
    orders = {each.store: {name: getattr(each, name) for name in shares} for each in found.shares}
    return {**counts, "orders": orders, "breaches": breaches}


def _print_audit(found: AuditView) -> None:
    if not found.wrong:
        echo(
            f"{found.pools:,} products, {found.levels:,} stock levels: every unit is explained "
            f"({format_time(found.at)})."
        )
        return
    echo(f"{found.wrong:,} of {found.pools:,} products don't add up ({format_time(found.at)}).")
    echo_table(
        ("id", "product", "store", "what", "recorded", "expected", "because"),
        ((*_breach_row(each), _explain(each)) for each in found.breaches),
    )
    echo("`tipo serve` doesn't update them; all other products are still synced.")
    echo("Choose the right number with /tipo drift, or undo what was changed in the database.")


def _print_shares(shares: Iterable[OrderShare]) -> None:
    """Say how much of what moved orders explain; the rest is no fault."""
    for each in shares:
        echo(
            f"{each.store}: {each.moved:,} units moved since {format_time(each.since)}. "
            f"Orders explain {each.by_orders:,}; {each.otherwise:,} were restocked or edited, or "
            "had no matching order."
        )


def _breach_row(breach: Breach) -> tuple[object, ...]:
    about = (breach.pool, breach.title, breach.store, LAW_NAMES[breach.law])
    return (*about, breach.recorded, breach.expected)


def _explain(breach: Breach) -> str:
    if breach.law not in OTHER_CAUSES:
        return ""
    first = "start missing" if breach.first is None else f"start {breach.first}"
    others = OTHER_CAUSES[breach.law]
    return f"{first}, changes {breach.movements:+}, {others} {breach.others:+}"


def _print_seals(seals: SealView) -> None:
    """Say what comparing the seals came to."""
    if seals.altered is not None:
        echo(_describe_altered(seals.altered))
        if seals.days:
            echo(f"The {seals.days:,} days sealed before it, up to {seals.last}, are unaltered.")
        return
    if not seals.days:
        echo("No day is sealed yet: the first seal is made an hour after `tipo serve` starts.")
        return
    echo(
        f"{seals.days:,} sealed days, {seals.first} to {seals.last}, {seals.rows:,} records: "
        "unaltered."
    )
    echo(f"The last seal: {seals.digest}")


def _describe_altered(altered: AlteredSeal) -> str:
    if altered.found is None:
        return f"{altered.day}: the seal itself was altered, or the one before it was deleted."
    counts = f"{altered.found:,} found, {altered.sealed or 0:,} were sealed"
    return f"{altered.day}: {altered.what} were altered after they had been sealed ({counts})."
