"""A report in the channel of a real database, and no loop that works on it but the test's own."""

import json
from contextlib import asynccontextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.notifications import AlertPolicy
from bot.outbox import SlackOutbox
from bot.permalinks import Permalinks
from bot.post_renderer import PostRenderer
from bot.post_sender import PostSender
from bot.slack_api import SlackApi
from bot.slack_calls import open_client
from sync_core.clock import RandomIds
from sync_core.db.database import SqlDatabase
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    Option,
    Person,
    ProposalKind,
    ProposalState,
    ReportKind,
)
from sync_core.domain.values import Event
from sync_core.ports import Draft, ReportRequest
from sync_core.service.service import Service
from sync_core.workers.drift_report import report_done
from tests.bot.conftest import at_work

REPORT = "report"
APPROVED = (ProposalState.APPROVED, Choice.USE_SOURCE)
OPEN = (ProposalState.OPEN, None)
OPTIONS = (Option(choice=Choice.USE_SOURCE, words="Use eu: 50", target=50),)


class Night:
    """A report with findings, in the channel, and nobody who works on it."""

    def __init__(self, staff, url):
        self.staff, self.clock = staff, staff.clock
        self.database = SqlDatabase(url)
        self.service = Service(self.database, {}, self.clock, RandomIds())
        self.workspace = SlackApi(open_client(staff.slack.app.bot_token, staff.slack.api_url))
        self.box = self.new_box()

    def new_box(self):
        policy = AlertPolicy(channel=self.staff.stock.id, stores=("eu", "us"))
        sender = self.new_sender()
        return SlackOutbox(self.service, sender, self.clock, policy, RandomIds().new())

    def new_sender(self):
        links = Permalinks(self.service, self.workspace, self.clock)
        renderer = PostRenderer(self.service, self.clock, ZoneInfo("UTC"), links, {})
        return PostSender(self.service, self.workspace, self.clock, renderer)

    async def transaction(self, work):
        return await self.database.transaction(work)

    async def report(self, findings=3, safe=2, options=lambda _: OPTIONS):
        """Make a report with so many findings, and bring it into the channel."""
        now = self.clock.now()
        wish = ReportRequest(kind=ReportKind.NIGHT, token=REPORT, night="2026-11-23")

        def work(tx):
            number, _ = tx.reports.request(wish, now=now)
            news = [Event(kind="differs", subject=f"level:{n}") for n in range(findings)]
            tx.notifications.notify(news, now=now)
            ids = [tx.findings.on([each.subject])[0].id for each in news]
            drafts = [
                (
                    Draft(
                        kind=ProposalKind.FIX,
                        finding=each,
                        title=f"Jacket {at}",
                        options=options(at),
                        recommended=Choice.USE_SOURCE,
                        safe=at < safe,
                        facts={"level": at, "store": "us"},
                    ),
                    f"token-{at}",
                )
                for at, each in enumerate(ids)
            ]
            until = now + timedelta(hours=1)
            tx.proposals.propose(drafts, report=number, now=now, expires_at=until)
            tx.reports.finish(number, now=now, summary={})
            tx.notifications.notify_once([report_done(tx.reports.get(number))], now=now)

        await self.transaction(work)
        await self.pass_time(5)
        return self.staff.slack.messages(self.staff.stock, by=self.staff.slack.bot)[0]

    async def pass_time(self, seconds):
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end:
            await self.clock.sleep(await self.box.round())

    async def carried_out(self):
        """Do as if the decider had carried out what was approved."""
        now = self.clock.now()

        def work(tx):
            for each in tx.proposals.approved(now=now, limit=50):
                done = DecisionResult(done=True, moved=4)
                tx.proposals.close(each.proposal.id, result=done)
            for number in tx.receipts.unnotified():
                if tx.receipts.mark_notified(number):
                    one = tx.receipts.first_proposal_of(number)
                    facts = {"receipt": number, "report": one.report, "kind": "fix"}
                    news = Event(kind="decided", subject=f"receipt:{number}", facts=facts)
                    tx.notifications.notify_once([news], now=now)

        await self.transaction(work)


@asynccontextmanager
async def face_of(night, **given):
    """The real bot, reached by signed requests; none of its loops runs."""
    async with at_work(night.staff, night.service, running=False, **given) as slack_app:
        yield slack_app


def front(night, person=None):
    """Return the form in front of somebody."""
    return night.staff.slack.modal(person or night.staff.ann)


async def modal(night, holds, person=None):
    """Wait until the form in front of somebody is the one that is meant."""

    def there():
        view = front(night, person)
        return view is not None and holds in json.dumps(view.content) and view

    return await night.staff.slack.until(there, 5)


async def states(night):
    """Return what has become of each mismatch, by the number in its title."""
    _, some = await night.service.proposals(1, limit=100)
    return {each.facts["level"]: (each.state, each.choice) for each in some}


def shown(message):
    return str([message.text, message.blocks])


def person_of(night, somebody):
    return Person(team=night.staff.slack.state.team_id, id=somebody.id, name="ann")
