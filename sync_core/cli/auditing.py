"""`tipo audit`: whether the books add up, and whether what was recorded is as it was sealed."""

from typing import Annotated

import typer

from sync_core.cli.printing import moment, say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, using
from sync_core.domain.audit import Breach, Law
from sync_core.domain.seal import Altered
from sync_core.domain.views import AuditView, SealView

ABOUT = {
    Law.SHARED: "shared quantity",
    Law.BOOK: "book",
    Law.OPEN: "updates under way",
    Law.BATCH: "updates at odds with their batch",
}
OTHERS = {Law.SHARED: "decisions", Law.BOOK: "updates"}

Verify = Annotated[
    bool, typer.Option("--verify", help="Compare what was recorded with the daily seals, too.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)


def audit(*, verify: Verify = False, as_json: AsJson = False) -> None:
    """Audit the books of every product: each unit must be explained by what was recorded.

    The shared quantity is what was first agreed, plus changes in the stores, plus decisions; a
    store's book is where it started, plus its changes, plus what Tipo wrote. Nothing is changed
    here: `tipo serve` stops a product by itself. With --verify every day's seal is compared with
    what there is now. Exit 1 if anything does not add up, or was altered.
    """
    found = using(lambda parts: parts.service.audit())
    seals = using(lambda parts: parts.service.verify()) if verify else None
    if as_json:
        breaches = [
            {
                **{name: getattr(each, name) for name in ("law", "pool", "title", "store")},
                **{name: getattr(each, name) for name in ("recorded", "expected", "first")},
                "movements": each.movements,
                OTHERS.get(each.law, "others"): each.others,
                "why": each.why,
            }
            for each in found.breaches
        ]
        counts = {name: getattr(found, name) for name in ("at", "pools", "levels", "wrong")}
        say_json({**counts, "breaches": breaches, **({} if seals is None else {"seals": seals})})
    else:
        _print(found)
        if seals is not None:
            _print_seals(seals)
    if found.wrong or (seals is not None and seals.altered is not None):
        raise typer.Exit(BAD_NEWS)


def _print(found: AuditView) -> None:
    if not found.wrong:
        say(
            f"{found.pools:,} products, {found.levels:,} stock levels: every unit is explained "
            f"({moment(found.at)})."
        )
        return
    say(f"{found.wrong:,} of {found.pools:,} products don't add up ({moment(found.at)}).")
    show(
        ("pool", "product", "store", "what", "recorded", "expected", "because"),
        ((*_line(each), _because(each)) for each in found.breaches),
    )
    say("Nothing is written for them while `tipo serve` runs; all other products go on.")
    say("Choose the right number with /tipo drift, or undo what was changed in the database.")


def _line(breach: Breach) -> tuple[object, ...]:
    about = (breach.pool, breach.title, breach.store, ABOUT[breach.law])
    return (*about, breach.recorded, breach.expected)


def _because(breach: Breach) -> str:
    if breach.law not in OTHERS:
        return ""
    first = "start missing" if breach.first is None else f"start {breach.first}"
    others = OTHERS[breach.law]
    return f"{first}, changes {breach.movements:+}, {others} {breach.others:+}"


def _print_seals(seals: SealView) -> None:
    """Say what comparing the seals came to."""
    if seals.altered is not None:
        say(_altered(seals.altered))
        if seals.days:
            say(f"The {seals.days:,} days sealed before it, up to {seals.last}, are unaltered.")
        return
    if not seals.days:
        say("No day is sealed yet: the first seal is made an hour after `tipo serve` starts.")
        return
    say(
        f"{seals.days:,} sealed days, {seals.first} to {seals.last}, {seals.rows:,} records: "
        "unaltered."
    )
    say(f"The last seal: {seals.digest}")


def _altered(altered: Altered) -> str:
    if altered.found is None:
        return f"{altered.day}: the seal itself was altered, or the one before it is gone."
    counts = f"{altered.found:,} found, {altered.sealed or 0:,} were sealed"
    return f"{altered.day}: {altered.what} were altered after they had been sealed ({counts})."
