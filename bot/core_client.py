"""What the bot asks of the core: the service face, as far as the bot uses it.

A protocol, so that the bot's needs stand in one place; `sync_core.service.Service` meets it.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from sync_core.domain.bulk_decisions import BulkChoice, BulkPreview
from sync_core.domain.leases import Takeover, TakeoverQuestion
from sync_core.domain.location_groups import LocationGroups
from sync_core.domain.proposals import (
    Choice,
    Clicked,
    Person,
    Proposal,
    Receipt,
    Report,
    ReportKind,
)
from sync_core.domain.shadow import ShadowView
from sync_core.domain.values import Alias, LocationId, Mode, PoolId
from sync_core.domain.views import (
    HistoryEntry,
    HourlyMovement,
    MovementView,
    Notification,
    Overview,
    PoolView,
    Post,
    StoppedProduct,
    Unmatched,
)
from sync_core.service.queries import Preference


class Waker(Protocol):
    """Wakes the task that waits for it."""

    async def wait(self, seconds: float | None) -> None:
        """Return when there may be something to do, or after so many seconds."""


Locations = dict[Alias, list[tuple[LocationId, str]]]


class CoreQueries(Protocol):
    """What may be asked."""

    async def overview(self) -> Overview:
        """Return everything at a glance."""

    async def is_serving(self) -> bool:
        """Whether a process keeps the stores equal right now."""

    async def takeover_questions(self, alias: Alias | None = None) -> list[TakeoverQuestion]:
        """Return what there is to take over."""

    async def stock(self, words: str, *, live: bool = True, limit: int = 50) -> list[PoolView]:
        """Return the pools that some words mean."""

    async def products_named(
        self, text: str, pools: Sequence[PoolId] = (), *, limit: int = 50
    ) -> list[PoolView]:
        """Return these pools; if there is none of them, those that a text names or searches for."""

    async def pool(self, pool_id: PoolId, *, live: bool = True) -> PoolView | None:
        """Return one pool."""

    async def history(self, pool: PoolId, *, limit: int = 50) -> list[HistoryEntry]:
        """Return the latest lines of a pool's history, oldest first."""

    async def hours(self, count: int = 24) -> list[HourlyMovement]:
        """Return how many units moved in each of the last hours."""

    async def location_groups(self) -> tuple[LocationGroups, Locations]:
        """Return the location map, and the open locations that are not on it."""

    async def locations(self) -> Locations:
        """Return all open locations of each store."""

    async def unmatched(self, *, limit: int = 50, offset: int = 0) -> tuple[int, list[Unmatched]]:
        """Return how many variants share stock with nobody, and a page of them."""

    async def report(self, report_id: int) -> Report | None:
        """Return a report."""

    async def last_report(self, kind: ReportKind | None = None) -> Report | None:
        """Return the newest finished report."""

    async def proposals(
        self, report_id: int, *, offset: int = 0, limit: int = 50, open_only: bool = False
    ) -> tuple[int, list[Proposal]]:
        """Return how many proposals a report has, and a page of them."""

    async def proposal(self, token: str) -> Proposal | None:
        """Return the proposal that a button means."""

    async def fixes(self, numbers: Sequence[int]) -> list[Proposal]:
        """Return these fixes as they are now, in the order given."""

    async def question(self, kind: str, subject: str) -> Proposal | None:
        """Return the open proposal about the standing finding of that kind and subject."""

    async def report_of(self, token: str) -> Report | None:
        """Return the report that a button means."""

    async def shadow(self) -> ShadowView | None:
        """Return what shadow mode has come to by now; None where it is off."""

    async def stopped_products(
        self, subject: str, *, offset: int = 0, limit: int = 50
    ) -> tuple[int, list[StoppedProduct]]:
        """Return how many products a safety stop is about, and some, the largest first."""

    async def receipt(self, receipt_id: int) -> Receipt | None:
        """Return a receipt."""

    async def receipts(self, *, limit: int = 10) -> list[Receipt]:
        """Return the newest receipts."""

    async def read_preferences(self, *names: str) -> dict[str, Preference]:
        """Return the bot's own settings, those that somebody has made, by their names."""


class CoreCommands(Protocol):
    """What may be ordered."""

    async def take_over(self, tokens: Sequence[str], by: Person) -> Takeover:
        """Fence another Tipo out, where these questions are still open."""

    async def ask_mode(
        self, mode: Mode, alias: Alias | None, by: Person, reply: str, *, shadow: bool = False
    ) -> Report:
        """Start the preflight of a change of mode."""

    async def ask_undo(self, receipt_id: int, by: Person) -> Proposal:
        """Propose to take back what a receipt did."""

    async def check(self, by: str, reply: str | None = None) -> Report:
        """Compare the stores now, and tell the person who asks there what came of it."""

    async def drift(self, by: str) -> Report:
        """Return what stands, with fresh buttons."""

    async def pause(self, *, by: str) -> None:
        """Stop writing; go on counting."""

    async def resume(self) -> None:
        """Write the sum of what is pending."""

    async def set_location_groups(self, places: LocationGroups, by: Person) -> None:
        """Change the location map."""

    async def set_buffer(
        self, pool_ids: list[PoolId] | None, units: int, alias: Alias | None, by: Person
    ) -> int:
        """Keep units back; return at how many levels."""

    async def ask_pack(
        self, pool_ids: list[PoolId], pack: int, alias: Alias | None, by: Person
    ) -> Proposal:
        """Propose to count one of a store's own as so many shared units."""

    async def investigate(self, subject: str, by: Person) -> bool:
        """Note who is on a safety stop; whether it is still open."""

    async def set_preferences(
        self,
        values: Mapping[str, str],
        by: Person,
        *,
        expected: Mapping[str, str | None] | None = None,
    ) -> None:
        """Change some of the bot's own settings, if they still are as expected."""


class CoreDecisions(Protocol):
    """What a click decides."""

    async def decide(
        self,
        token: str,
        choice: Choice,
        by: Person,
        rule: str,
        *,
        number: int | None = None,
        where: str = "",
    ) -> Clicked:
        """Decide one proposal."""

    async def decide_all(
        self, report_token: str, by: Person, rule: str, *, safe_only: bool = True, where: str = ""
    ) -> Clicked:
        """Approve all safe proposals of a report."""

    async def decide_some(
        self,
        report_token: str,
        choices: Mapping[int, tuple[Choice, int | None]],
        by: Person,
        rule: str,
        *,
        where: str = "",
    ) -> Clicked:
        """Decide some proposals of a report."""

    async def preview(
        self, report_token: str, choices: Sequence[BulkChoice]
    ) -> tuple[Report, list[BulkPreview]] | None:
        """Return what each choice for all would write now."""

    async def decide_bulk(
        self,
        report_token: str,
        chosen: BulkChoice,
        choices: Mapping[int, tuple[Choice, int | None]],
        by: Person,
        rule: str,
        *,
        where: str = "",
    ) -> Clicked:
        """Decide all that a report proposes as chosen, and some of it on its own."""

    async def dismiss(self, report_token: str, by: Person, rule: str) -> Clicked:
        """Decide to do nothing about a report."""


class BotPosts(Protocol):
    """The bot's own rows."""

    async def notifications(self, *, after: int = 0, limit: int = 100) -> list[Notification]:
        """Return notifications in order, those after that number."""

    async def activity(self, *, after: int = 0, limit: int = 500) -> list[MovementView]:
        """Return movements in order, those after that number."""

    async def last_movement(self) -> int:
        """Return the number of the newest movement."""

    async def cursors(self) -> dict[str, int]:
        """Return how far notifications and movements have been turned into posts."""

    async def posts(self, keys: Sequence[str]) -> dict[str, Post]:
        """Return posts by their keys."""

    async def post_at(self, channel: str, ts: str) -> Post | None:
        """Return the post that is that message of a channel."""

    async def save_posts(
        self, posts: Sequence[Post], before: Mapping[str, int], after: Mapping[str, int]
    ) -> bool:
        """Write posts and move the cursors, if the cursors still are `before`."""

    async def unsent_posts(self, *, limit: int = 50) -> list[Post]:
        """Return due posts that Slack has not got."""

    async def next_due(self, after: datetime) -> datetime | None:
        """Return when the next unsent post is due after a moment; None: there is none."""

    def wakeups(self) -> AbstractContextManager[Waker]:
        """Give what wakes the outbox as soon as there may be something to say."""

    async def sent(self, key: str, version: int, ts: str, channel: str) -> None:
        """Say that Slack has this version."""

    async def failed(self, key: str, version: int, why: str, again_at: datetime) -> None:
        """Say that a version could not be sent, and when to try again."""

    async def claim(self, name: str, *, lasting: bool = False) -> bool:
        """Whether nobody has done this so far; `lasting`: it is never done again."""

    async def take_leadership(self, name: str, owner: str, seconds: float) -> bool:
        """Whether this process may do that job now."""


class CoreClient(CoreQueries, CoreCommands, CoreDecisions, BotPosts, Protocol):
    """All of it."""
