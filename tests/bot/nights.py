"""A report in the channel of a real database, and no loop that works on it but the test's own."""

from contextlib import asynccontextmanager
from datetime import timedelta

from bot.news import Policy
from bot.outbox import Outbox
from bot.sending import Sender
from bot.workspace import Workspace, open_client
from sync_core.clock import RandomIds
from sync_core.db.database import Database
from sync_core.domain.proposals import Choice, Option, Person, ProposalKind, ReportKind
from sync_core.domain.values import News
from sync_core.papers import Draft, Wish
from sync_core.service import Service
from sync_core.workers.reporting import told
from tests.bot.conftest import at_work

REPORT = "report"
OPTIONS = (Option(choice=Choice.USE_SOURCE, words="Use eu: 50", target=50),)


class Night:
    """A report with findings, in the channel, and nobody who works on it."""

    def __init__(self, office, url):
        self.office, self.clock = office, office.clock
        self.database = Database(url)
        self.service = Service(self.database, {}, self.clock, RandomIds())
        self.workspace = Workspace(open_client(office.slack.app.bot_token, office.slack.api_url))
        self.box = self.new_box()

    def new_box(self):
        policy = Policy(channel=self.office.stock.id, stores=("eu", "us"))
        sender = Sender(self.service, self.workspace, self.clock)
        return Outbox(self.service, sender, self.clock, policy, RandomIds().new())

    async def step(self, work):
        return await self.database.step(work)

    async def report(self, findings=3, safe=2, options=lambda _: OPTIONS):
        """Make a report with so many findings, and bring it into the channel."""
        now = self.clock.now()
        wish = Wish(kind=ReportKind.NIGHT, token=REPORT, night="2026-11-23")

        def work(ledger):
            number, _ = ledger.want_report(wish, now=now)
            news = [News(kind="differs", subject=f"level:{n}") for n in range(findings)]
            ledger.tell(news, now=now)
            ids = [ledger.findings_on([each.subject])[0].id for each in news]
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
            ledger.propose(drafts, report=number, now=now, expires_at=until)
            ledger.finish_report(number, now=now, summary={})
            ledger.announce([told(ledger.report(number))], now=now)

        await self.step(work)
        await self.pass_time(5)
        return self.office.slack.messages(self.office.stock, by=self.office.slack.bot)[0]

    async def pass_time(self, seconds):
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end:
            await self.clock.sleep(await self.box.round())

    async def carried_out(self):
        """Do as if the decider had carried out what was approved."""
        now = self.clock.now()

        def work(ledger):
            for each in ledger.approved(now=now, limit=50):
                ledger.close_proposal(each.proposal.id, result={"done": True, "moved": 4})
            for number in ledger.untold_receipts():
                if ledger.receipt_told(number):
                    one = ledger.first_of(number)
                    facts = {"receipt": number, "report": one.report, "kind": "fix"}
                    news = News(kind="decided", subject=f"receipt:{number}", facts=facts)
                    ledger.announce([news], now=now)

        await self.step(work)


@asynccontextmanager
async def face_of(night, **given):
    """The real bot, reached by signed requests; none of its loops runs."""
    async with at_work(night.office, night.service, running=False, **given) as face:
        yield face


def shown(message):
    return str([message.text, message.blocks])


def person_of(night, somebody):
    return Person(team=night.office.slack.state.team_id, id=somebody.id, name="ann")
