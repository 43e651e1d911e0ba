"""Say in one word how things stand; and who has paused writing.

Every face says it; the worst holds:

    the facts, the first that is so                    state
    -------------------------------------------------  ---------------
    no process serves                                  NOT_RUNNING
    a store's mark is not ours, or not ours yet        NOT_OURS
    a store refuses us, so that it can't be updated    CANT_UPDATE
    shadow mode is on                                  SHADOW
    a safety stop waits for a decision                 SAFETY_STOP
    a product has been sold more often than there was  OVERSOLD
    somebody has paused writing                        PAUSED
    no destination is connected                        OFF
    no product of one store matches one of another     NOTHING_MATCHED
    the stores have never been compared                NEVER_COMPARED
    changes are still to be counted, read or written   PENDING
    mismatches wait for a decision                     MISMATCHES
    none of these                                      IN_SYNC

Where some destinations are connected and others are off, the state is that of the connected ones;
whoever says it names those that are off as well.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sync_core.domain.values import Mode, Role
from sync_core.domain.views import Overview, StoreView

PAUSE_FORMAT = "%Y-%m-%d %H:%M"
PAUSE_TEXT = re.compile(r"(?s)(.*), (\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC")


class SyncState(StrEnum):
    """How things stand, the worst first."""

    NOT_RUNNING = "not_running"
    NOT_OURS = "not_ours"
    CANT_UPDATE = "cant_update"
    SHADOW = "shadow"
    SAFETY_STOP = "safety_stop"
    OVERSOLD = "oversold"
    PAUSED = "paused"
    OFF = "off"
    NOTHING_MATCHED = "nothing_matched"
    NEVER_COMPARED = "never_compared"
    PENDING = "pending"
    MISMATCHES = "mismatches"
    IN_SYNC = "in_sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """How things stand, and what a face needs to say so."""

    state: SyncState
    connected: tuple[StoreView, ...]  # the source, and the destinations that are not off
    off: tuple[StoreView, ...]
    not_ours: tuple[StoreView, ...]  # nothing is written there until a takeover is done
    refusing: tuple[StoreView, ...]
    pending: int  # changes


def sync_status(overview: Overview, *, serving: bool, compared: bool) -> SyncStatus:
    """Return how things stand, by the table.

    Args:
        overview: Everything at a glance.
        serving: Whether a process serves.
        compared: Whether the stores have ever been compared as a whole.
    """
    off = tuple(each for each in overview.stores if _is_off(each))
    connected = tuple(each for each in overview.stores if not _is_off(each))
    not_ours = tuple(each for each in overview.stores if each.lease.is_in_the_way)
    refusing = tuple(each for each in overview.stores if each.blocked_why)
    pending = overview.unhandled + sum(each.due + each.refreshes + each.open for each in connected)
    facts = {
        SyncState.NOT_RUNNING: not serving,
        SyncState.NOT_OURS: bool(not_ours),
        SyncState.CANT_UPDATE: bool(refusing),
        SyncState.SHADOW: overview.shadow is not None,
        SyncState.SAFETY_STOP: bool(overview.breakers),
        SyncState.OVERSOLD: overview.oversold > 0,
        SyncState.PAUSED: overview.paused is not None,
        SyncState.OFF: not _destinations(connected),
        SyncState.NOTHING_MATCHED: overview.pools == 0,
        SyncState.NEVER_COMPARED: not compared,
        SyncState.PENDING: pending > 0,
        SyncState.MISMATCHES: overview.findings > 0,
        SyncState.IN_SYNC: True,
    }
    return SyncStatus(
        state=next(state for state in SyncState if facts[state]),
        connected=connected,
        off=off,
        not_ours=not_ours,
        refusing=refusing,
        pending=pending,
    )


def _is_off(store: StoreView) -> bool:
    return store.role is not Role.SOURCE and store.mode in {None, Mode.OFF}


def _destinations(stores: Iterable[StoreView]) -> list[StoreView]:
    return [each for each in stores if each.role is not Role.SOURCE]


def pause_text(by: str, at: datetime) -> str:
    """Return who has paused, and when, as one text."""
    return f"{by}, {at.astimezone(UTC):{PAUSE_FORMAT}} UTC"


def read_pause(text: str) -> tuple[str, datetime | None]:
    """Return who has paused, and when, if the text says so: the reverse of `pause_text`."""
    found = PAUSE_TEXT.fullmatch(text)
    if found is None:
        return text, None
    try:
        return found[1], datetime.strptime(found[2], PAUSE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return text, None
