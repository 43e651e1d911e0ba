"""Change the mode of stores, begin shadow mode and end it: domain/shadow.py has the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_core.clock import Ids
from sync_core.domain.proposals import (
    DecisionResult,
    ModeFacts,
    Proposal,
    ReportFacts,
    ReportKind,
)
from sync_core.domain.shadow import Shadow, shadow_after
from sync_core.domain.values import Alias, Event, Mode, Role
from sync_core.errors import NotAllowed
from sync_core.ports import ReportRequest, Transaction
from sync_core.ports.settings import SHADOW_SETTING
from sync_core.stored import from_plain, to_json
from sync_core.workers.outcomes import recheck_oversold, take_new_baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    """What somebody wants some destinations to be."""

    stores: Sequence[Alias]
    mode: Mode
    shadow: bool = False  # nothing is to be written
    by: str = ""


def change_mode(proposal: Proposal, tx: Transaction, ids: Ids, now: datetime) -> DecisionResult:
    """Change the mode of the connections that were shown, if they still are in those modes."""
    facts = from_plain(proposal.facts, ModeFacts)
    modes = _modes(tx)
    other = [alias for alias, was in facts.before.items() if modes.get(alias) is not was]
    if other:
        return DecisionResult(done=False, why=f"the mode of {', '.join(other)} has changed since")
    by = proposal.by.name if proposal.by is not None else ""
    wanted = ModeChange(stores=list(facts.before), mode=facts.mode, shadow=facts.shadow, by=by)
    try:
        set_modes(tx, wanted, token=ids.new(), now=now)
    except NotAllowed as exc:  # somebody else has changed another store's mode
        return DecisionResult(done=False, why=str(exc))
    return DecisionResult(done=True)


def set_modes(tx: Transaction, wanted: ModeChange, *, token: str, now: datetime) -> None:
    """Change the mode of stores; where it is not off, a report follows when all have met.

    Raises:
        NotAllowed: If shadow mode is in the way of it; nothing has been changed then.
    """
    modes = _modes(tx)
    is_on = tx.settings.get(SHADOW_SETTING) is not None
    shadow = shadow_after(wanted.mode, wanted.stores, modes, wanted=wanted.shadow, is_on=is_on)
    ends_or_begins = shadow is not is_on
    stores = [each for each in wanted.stores if ends_or_begins or modes[each] is not wanted.mode]
    if not stores:
        return
    if shadow and not is_on:
        _begin(tx, wanted.by, now)
    for alias in stores:
        with recheck_oversold(tx, alias, now=now):  # without this store, it may be a pre-sale
            tx.baselines.request(alias, wanted.mode, by=wanted.by, now=now)
    if ends_or_begins:
        if is_on:
            tx.settings.pop(SHADOW_SETTING)
        take_new_baseline(tx, None, now=now)
        reason = "shadow_ends" if is_on else "shadow_begins"
        tx.baselines.save(None, reason, wanted.by, now=now)
    facts: dict[str, str | int | float | bool | None] = {
        "mode": wanted.mode.value,
        "stores": ", ".join(stores),
        "by": wanted.by,
    }
    if shadow or is_on:
        facts["shadow"] = shadow
    if wanted.mode is not Mode.OFF:
        kept = ReportFacts(stores=tuple(stores), mode=wanted.mode)
        request = ReportRequest(kind=ReportKind.BASELINE, token=token, by=wanted.by, facts=kept)
        facts["report"], _ = tx.reports.request(request, now=now)
    tx.notifications.notify_once([Event(kind="mode", subject="mode", facts=facts)], now=now)


def _begin(tx: Transaction, by: str, now: datetime) -> None:
    """Begin shadow mode, where no update is under way: it could still reach its store."""
    waiting = sorted(tx.views.backlog(now=now).batches)
    if waiting:
        raise NotAllowed(
            f"an update of {', '.join(waiting)} still waits for the store's answer; "
            "ask again in a moment"
        )
    shadow = Shadow(by=by, since=now, after=tx.movements.last())
    tx.settings.set(SHADOW_SETTING, to_json(shadow))


def _modes(tx: Transaction) -> dict[Alias, Mode]:
    return {each.alias: each.mode for each in tx.stores.all() if each.role is not Role.SOURCE}
