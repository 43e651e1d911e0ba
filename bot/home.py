"""The App Home: shown when somebody opens it, and kept fresh while they may still look."""

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.approvers import May
from bot.messages import home
from bot.office import Office
from bot.workspace import Refused, SlackTrouble
from sync_core.domain.proposals import Person, Report, ReportKind

log = logging.getLogger(__name__)

LOOKING = timedelta(minutes=10)  # after which nobody is taken to look any more
EVERY = 30.0  # seconds between refreshes
MOST = 100  # people who look at once
HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Somebody who has opened their Home lately."""

    person: Person
    since: datetime
    shown: str = ""  # a digest of what they see
    hash: str = ""  # Slack's, so that an older view never replaces a newer one


class Home:
    """Shows the App Home."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._looking: dict[str, Looking] = {}
        self._chart = True  # until Slack says that it does not know charts here

    async def opened(self, person: Person) -> None:
        """Show the Home to somebody who opens it."""
        self._remember(Looking(person=person, since=self._office.clock.now()))
        await self.show(person)

    async def show(self, person: Person) -> None:
        """Show the Home as it is now, if it differs from what they see."""
        now = self._office.clock.now()
        seen = self._looking.get(person.id) or Looking(person=person, since=now)
        view = await self._view(person)
        digest = digest_of(view)
        if digest == seen.shown:
            return
        try:
            stamp = await self._publish(person, view, seen.hash)
        except SlackTrouble as exc:
            log.warning("a Home is not shown", extra={"act": "home_failed", "why": str(exc)})
            return
        self._remember(Looking(person=person, since=seen.since, shown=digest_of(view), hash=stamp))

    async def _publish(self, person: Person, view: dict[str, Any], seen: str) -> str:
        """Publish; somebody else's newer view gives way, a chart that Slack refuses a table."""
        workspace = self._office.workspace
        try:
            return await workspace.home(person.id, view, seen=seen)
        except Refused as exc:
            if exc.code == "hash_conflict":
                return await workspace.home(person.id, view)
            if not self._chart or exc.code not in {"invalid_arguments", "invalid_blocks"}:
                raise
        self._chart = False
        return await workspace.home(person.id, await self._view(person))

    async def _view(self, person: Person) -> dict[str, Any]:
        core = self._office.core
        may = await self._office.approvers.may(person)
        return home.home(
            overview=await core.overview(),
            hours=await core.hours(HOURS),
            reports=await self._reports(),
            now=self._office.clock.now(),
            may=isinstance(may, May),
            chart=self._chart,
        )

    async def _reports(self) -> list[Report]:
        found = [await self._office.core.last_report(kind) for kind in (None, ReportKind.NIGHT)]
        reports = {each.id: each for each in found if each is not None}
        return list(reports.values())

    def _remember(self, looking: Looking) -> None:
        self._looking.pop(looking.person.id, None)
        self._looking[looking.person.id] = looking
        while len(self._looking) > MOST:
            del self._looking[next(iter(self._looking))]

    async def run(self) -> None:
        """Keep the Homes fresh of those who opened theirs in the last ten minutes."""
        while True:
            await self._office.clock.sleep(EVERY)
            await self.refresh()

    async def refresh(self) -> None:
        """Show what has changed to those who may still look."""
        now = self._office.clock.now()
        for looking in list(self._looking.values()):
            if now - looking.since > LOOKING:
                del self._looking[looking.person.id]
            else:
                await self.show(looking.person)


def digest_of(view: dict[str, Any]) -> str:
    """Return a short name of what a view shows."""
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
