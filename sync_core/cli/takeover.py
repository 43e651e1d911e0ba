"""`tipo takeover`: fence another Tipo out, and take the stores' numbers as they are."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.printing import say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, CannotWork, Yes, confirm, person, using
from sync_core.domain.lease import SHORT, LeaseState, LeaseView
from sync_core.domain.values import Alias
from sync_core.errors import cut

POLL = 1.0  # seconds between looks at how far it has come

Store = Annotated[
    str | None, typer.Argument(metavar="[ALIAS]", help="The store; all that ask, if left out.")
]
TimeOut = Annotated[
    float, typer.Option("--time-out", min=0, help="Seconds to wait until it is done.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("takeover")(takeover)


def takeover(
    alias: Store = None, *, yes: Yes = False, time_out: TimeOut = 150.0, as_json: AsJson = False
) -> None:
    """Let this Tipo write to a store that another one writes to, or after a restored backup.

    The other one stops within a minute. Then the store's numbers are taken as they are: products
    that show the same are adopted, the others wait for your decision. What happened in between is
    a gap in the history, and nothing of it is replayed. Exit 1 if it is not done in time; exit 2
    if there is nothing to take over.
    """
    wanted = None if alias is None else Alias(alias.lower())
    leases = using(_leases)
    asking = [each for each in leases if each.state.asks and wanted in {None, each.store}]
    if not asking:
        raise CannotWork(_nothing(wanted, leases))
    if not as_json or not yes:
        _print_question(asking)
    if not confirm(f"Take over {', '.join(each.store for each in asking)}?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: _take_over(parts, wanted, time_out, as_json=as_json))


async def _leases(parts: Parts) -> list[LeaseView]:
    return await parts.service.leases()


def _nothing(wanted: Alias | None, leases: Sequence[LeaseView]) -> str:
    if wanted is not None and wanted not in {each.store for each in leases}:
        known = ", ".join(each.store for each in leases) or "none yet: start `tipo serve` first"
        return f"there is no store {cut(wanted)}; the stores are {known}"
    where = "any store" if wanted is None else wanted
    return f"nobody else writes to {where}: there is nothing to take over"


def _print_question(asking: Sequence[LeaseView]) -> None:
    show(
        ("store", "why nothing is written", "seen"),
        ((each.store, _why(each), each.found.at if each.found else None) for each in asking),
        err=True,
    )


def _why(lease: LeaseView) -> str:
    if lease.state is LeaseState.OLDER:
        return "this database is older than what Tipo has done, or a copy of it runs elsewhere"
    holder = lease.found.instance[-SHORT:] if lease.found else ""
    return f"another Tipo writes to it ({holder or 'of an unknown version'})"


async def _take_over(parts: Parts, alias: Alias | None, time_out: float, *, as_json: bool) -> None:
    taken = await parts.service.take_over(alias, by=person())
    if not await parts.service.is_serving():
        _report(taken, done=False, as_json=as_json, then="it is done when `tipo serve` runs")
        return
    if not as_json:
        say("The other one stops within a minute; then the numbers are taken as they are …")
    for _ in range(int(time_out / POLL)):
        leases = {each.store: each for each in await parts.service.leases()}
        if all(leases[each].state is LeaseState.OURS for each in taken):
            _report(taken, done=True, as_json=as_json)
            return
        await parts.clock.sleep(POLL)
    _report(taken, done=False, as_json=as_json, then=f"not done after {time_out:.0f} s; see status")
    raise typer.Exit(BAD_NEWS)


def _report(taken: Sequence[Alias], *, done: bool, as_json: bool, then: str = "") -> None:
    if as_json:
        say_json({"stores": list(taken), "done": done, "why": then})
        return
    stores = ", ".join(taken)
    say(f"{stores}: taken over. Products that differ wait for you: `tipo check`." if done else
        f"{stores}: {then}.")  # fmt: skip
