"""The App Home: shown when somebody opens it, and kept fresh while they may still look."""

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.approvers import Allowed
from bot.handler_context import HandlerContext
from bot.messages import home
from bot.messages.settings import setting_lines
from bot.messages.state import ALERT_KINDS
from bot.slack_errors import SlackError, SlackRefused
from bot.text import zone_name
from bot.zones import localized_blocks
from sync_core.domain.proposals import Person, Report, ReportKind

log = logging.getLogger(__name__)

VIEWER_ACTIVE_FOR = timedelta(minutes=10)  # after which nobody is taken to look any more
REFRESH_INTERVAL_SECONDS = 30.0  # seconds between refreshes
MAX_VIEWERS = 100  # people who look at once
CHART_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who has opened their Home lately."""

    person: Person
    since: datetime
    shown: str = ""  # a digest of what they see
    hash: str = ""  # Slack's, so that an older view never replaces a newer one


class AppHome:
    """Shows the App Home."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._viewers: dict[str, Viewer] = {}
        self._chart = True  # until Slack says that it does not know charts here

    async def opened(self, person: Person) -> None:
        """Show the Home to somebody who opens it."""
        self._remember(Viewer(person=person, since=self._context.clock.now()))
        await self.show(person)

    async def show(self, person: Person) -> None:
        """Show the Home as it is now, if it differs from what they see."""
        now = self._context.clock.now()
        seen = self._viewers.get(person.id) or Viewer(person=person, since=now)
        view = await self._view(person)
        digest = digest_of(view)
        if digest == seen.shown:
            return
        try:
            stamp = await self._publish(person, view, seen.hash)
        except SlackError as exc:
            log.warning("a Home is not shown", extra={"event": "home_failed", "why": str(exc)})
            return
        self._remember(Viewer(person=person, since=seen.since, shown=digest_of(view), hash=stamp))

    async def _publish(self, person: Person, view: dict[str, Any], seen: str) -> str:
        """Publish; somebody else's newer view gives way, a chart that Slack refuses a table."""
        slack = self._context.slack
        try:
            return await slack.publish_home(person.id, view, seen=seen)
        except SlackRefused as exc:
            if exc.code == "hash_conflict":
                return await slack.publish_home(person.id, view)
            if not self._chart or exc.code not in {"invalid_arguments", "invalid_blocks"}:
                raise
        self._chart = False
        return await slack.publish_home(person.id, await self._view(person))

    async def _view(self, person: Person) -> dict[str, Any]:
        core = self._context.core
        found = await self._context.approvers.authorize(person)
        zone = await self._context.zones.of(person.id)
        reports = await self._reports()
        links = await self._context.links.links(
            reports=[each.id for each in reports], alerts=ALERT_KINDS
        )
        view: dict[str, Any] = home.home(
            overview=await core.overview(),
            hours=await core.hours(CHART_HOURS),
            reports=reports,
            now=self._context.clock.now().astimezone(zone),
            is_approver=isinstance(found, Allowed),
            chart=self._chart,
            links=links,
            settings=setting_lines(
                await self._context.preferences.read(), zone_name(self._context.zones.otherwise)
            ),
        )
        return {**view, "blocks": localized_blocks(view["blocks"], zone)}

    async def _reports(self) -> list[Report]:
        found = [await self._context.core.last_report(kind) for kind in (None, ReportKind.NIGHT)]
        reports = {each.id: each for each in found if each is not None}
        return list(reports.values())

    def _remember(self, viewer: Viewer) -> None:
        self._viewers.pop(viewer.person.id, None)
        self._viewers[viewer.person.id] = viewer
        while len(self._viewers) > MAX_VIEWERS:
            del self._viewers[next(iter(self._viewers))]

    async def run(self) -> None:
        """Keep the Homes fresh of those who opened theirs in the last ten minutes."""
        while True:
            await self._context.clock.sleep(REFRESH_INTERVAL_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Show what has changed to those who may still look."""
        now = self._context.clock.now()
        for viewer in list(self._viewers.values()):
            if now - viewer.since > VIEWER_ACTIVE_FOR:
                del self._viewers[viewer.person.id]
            else:
                await self.show(viewer.person)


def digest_of(view: dict[str, Any]) -> str:
    """Return a short name of what a view shows."""
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
