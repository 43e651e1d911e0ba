"""A core of dictionaries, as strict as the real one: what is decided is decided once."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count

from sync_core.domain.bulk_decisions import BulkPreview, taken
from sync_core.domain.leases import LeaseState, LeaseView
from sync_core.domain.location_groups import LocationGroup
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Clicked,
    Option,
    Proposal,
    ProposalKind,
    ProposalState,
    Receipt,
    ReceiptLine,
    Report,
    ReportFacts,
    ReportKind,
    ReportState,
    Write,
)
from sync_core.domain.shadow import Shadow
from sync_core.domain.texts import names_in
from sync_core.domain.values import (
    Alias,
    ItemId,
    LevelId,
    LocationId,
    Mode,
    PoolId,
    Role,
)
from sync_core.domain.views import (
    HistoryEntry,
    HourlyMovement,
    LevelView,
    MovementView,
    Notification,
    Overview,
    PoolView,
    StoreView,
    Unmatched,
)
from sync_core.errors import NotAllowed
from sync_core.service.queries import COMPARISONS, Preference
from sync_core.workers.context import Wakeup

EU, US = Alias("eu"), Alias("us")
STATES = {
    ProposalState.APPROVED: Answer.RUNNING,
    ProposalState.DONE: Answer.ALREADY,
    ProposalState.DISMISSED: Answer.ALREADY,
    ProposalState.OUTDATED: Answer.OUTDATED,
    ProposalState.EXPIRED: Answer.EXPIRED,
}


class FakeService:
    """Meets `bot.core_client.Core`."""

    def __init__(self, clock):
        self.clock = clock
        self.modes = {US: Mode.OFF}
        self.paused = None
        self.in_shadow = None  # what it has come to
        self.asked_modes = []
        self.pools = {}
        self.buffers = []
        self.packs = []
        self.preferences, self.set_by = {}, {}
        self.proposed = {}
        self.reported = {}
        self.receipted = {}
        self.decisions = []  # (token, choice, user, rule)
        self.told = []
        self.moved = []
        self.stored = {}
        self.again = {}
        self.cursor = {}
        self.claims = set()
        self.leases = {}
        self.asked = []
        self.investigated = []
        self.wakeup = Wakeup()
        self.map = (
            LocationGroup(id=1, name="Berlin", locations={EU: LocationId(1), US: LocationId(2)}),
        )
        self.numbers = count(1)
        self.stock_up("Slim Fit Denim Jacket (M)", "slim-fit-denim-jacket", "SFDJ-M", 50)
        self.stock_up("Slim Fit Denim Jacket (L)", "slim-fit-denim-jacket", "SFDJ-L", 50)
        self.stock_up("<!channel> Wool Scarf", "wool-scarf", "WS-1", 7)

    # -- furnishing
    def stock_up(self, title, handle, sku, units):
        number = len(self.pools) + 1
        levels = tuple(
            LevelView(
                id=LevelId(10 * number + at),
                store=store,
                item=ItemId(100 * number + at),
                location=LocationId(at),
                location_group="Berlin",
                mode=Mode.TWO_WAY,
                book=units,
                shows=units,
                outstanding=0,
                baselined=True,
                suspended=None,
                open_delta=None,
                awaits_refresh=False,
                sku=sku,
            )
            for at, store in ((1, EU), (2, US))
        )
        self.pools[number] = PoolView(
            id=PoolId(number),
            title=title,
            handle=handle,
            location_group="Berlin",
            shared=units,
            moved_at=self.clock.now(),
            levels=levels,
        )

    def tell(self, kind, subject, severity="warning", /, *, resolved=False, at=None, **facts):
        self.told.append(
            Notification(
                id=len(self.told) + 1,
                kind=kind,
                subject=subject,
                severity=severity,
                facts=facts,
                resolved=resolved,
                at=at or self.clock.now(),
            )
        )
        self.wakeup.notify()

    def move(self, store, delta, pool=1, cause="order #1001"):
        self.moved.append(
            MovementView(
                id=len(self.moved) + 1,
                at=self.clock.now(),
                pool=PoolId(pool),
                title=self.pools[pool].title,
                store=store,
                delta=delta,
                counted=delta,
                cause=cause,
            )
        )

    def new_report(self, kind, by="", **facts):
        number = next(self.numbers)
        self.reported[number] = Report(
            id=number,
            token=f"report-token-{number}",
            kind=kind,
            state=ReportState.DONE,
            by=by,
            facts=ReportFacts(**facts),
            summary={"compared": 3, "differing": 0, "units": 0},
            wanted_at=self.clock.now(),
            finished_at=self.clock.now(),
        )
        return self.reported[number]

    def propose(self, kind, report=None, *, safe=False, choices=(Choice.CONFIRM,), **facts):
        number = next(self.numbers)
        made = Proposal(
            id=number,
            token=f"token-{number}",
            kind=kind,
            report=None if report is None else report.id,
            subject=str(facts.get("subject", "missed_change")),
            title="Slim Fit Denim Jacket (M)",
            facts=facts,
            options=tuple(
                Option(
                    choice=each,
                    words="Use eu: 45 everywhere",
                    target=45,
                    writes=(Write(store=US, before=50, after=45),),
                )
                for each in choices
            ),
            recommended=choices[0],
            safe=safe,
            opened_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(days=1),
        )
        self.proposed[made.token] = made
        return made

    # -- questions
    async def takeover_questions(self, _alias=None):
        raise NotAllowed("no other Tipo writes to EU and US: there is nothing to take over")

    async def overview(self):
        stores = tuple(
            StoreView(
                alias=alias,
                domain=f"urbanwear-{alias}.myshopify.com",
                role=role,
                mode=mode,
                levels=3,
                baselined=3,
                due=0,
                refreshes=0,
                suspended=0,
                open=0,
                last_delivery_at=self.clock.now(),
                blocked_why=None,
                lease=LeaseView(store=alias, state=LeaseState.OURS, since=self.clock.now()),
                seconds_p50=0.4,
                seconds_p95=1.2,
            )
            for alias, role, mode in (
                (EU, Role.SOURCE, None),
                (US, Role.DESTINATION, self.modes[US]),
            )
        )
        return Overview(
            stores=stores,
            pools=len(self.pools),
            agreed=len(self.pools),
            differing=0,
            oversold=0,
            findings=0,
            unhandled=0,
            oldest_unhandled_at=None,
            paused=self.paused,
            shadow=self.in_shadow
            and Shadow(by=self.in_shadow.by, since=self.in_shadow.since, after=0),
            serving_at=self.clock.now(),
        )

    async def is_serving(self):
        return True

    async def stock(self, words, *, live=True, limit=50):
        wanted = words.casefold()
        return [
            each
            for each in self.pools.values()
            if wanted in each.title.casefold()
            or wanted == each.handle
            or wanted == each.levels[0].sku.casefold()
        ][:limit]

    async def products_named(self, text, pools=(), *, limit=50):
        known = self.pools.values()
        found = [each for each in known if each.id in pools]
        named = names_in(text, {each.title for each in known})
        return (found or [each for each in known if each.title in named])[:limit]

    async def pool(self, pool_id, *, live=True):
        return self.pools.get(pool_id)

    async def history(self, pool, *, limit=50):
        at = self.clock.now()
        line = HistoryEntry(
            at=at,
            store=US,
            kind="movement",
            delta=-5,
            shared=45,
            state="counted",
            cause="order #1002",
        )
        wrote = HistoryEntry(
            at=at,
            store=EU,
            kind="adjustment",
            delta=-5,
            shared=None,
            state="settled",
            cause="",
            seconds=0.4,
        )
        return [line, wrote]

    async def hours(self, count=24):
        begin = self.clock.now().replace(minute=0, second=0, microsecond=0)
        return [
            HourlyMovement(at=begin - timedelta(hours=n), units={EU: n, US: 2 * n})
            for n in range(count)
        ]

    async def location_groups(self):
        return self.map, {EU: [], US: []}

    async def locations(self):
        return {EU: [(LocationId(1), "Berlin")], US: [(LocationId(2), "Warehouse")]}

    async def unmatched(self, *, limit=50, offset=0):
        rows = [
            Unmatched(
                store=US,
                item=ItemId(n),
                title=f"Lonely {n}",
                handle=f"lonely-{n}",
                sku="",
                why="no match in another store",
            )
            for n in range(45)
        ]
        return len(rows), rows[offset : offset + limit]

    async def report(self, report_id):
        return self.reported.get(report_id)

    async def last_report(self, kind=None):
        kinds = COMPARISONS if kind is None else {kind}
        found = [each for each in self.reported.values() if each.kind in kinds]
        return found[-1] if found else None

    async def proposals(self, report_id, *, offset=0, limit=50, open_only=False):
        found = [
            each
            for each in self.proposed.values()
            if each.report == report_id and (not open_only or each.state is ProposalState.OPEN)
        ]
        ordered = sorted(
            found, key=lambda each: (each.state is not ProposalState.OPEN, not each.safe, each.id)
        )
        return len(found), ordered[offset : offset + limit]

    async def proposal(self, token):
        return self.proposed.get(token)

    async def fixes(self, numbers):
        known = {each.id: each for each in self.proposed.values()}
        return [known[each] for each in numbers if each in known]

    async def question(self, kind, subject):
        asked = (each for each in self.proposed.values() if each.facts.get("subject") == subject)
        return next(asked, None)

    async def report_of(self, token):
        return next((each for each in self.reported.values() if each.token == token), None)

    async def receipt(self, receipt_id):
        return self.receipted.get(receipt_id)

    async def receipts(self, *, limit=10):
        return list(self.receipted.values())[-limit:]

    async def read_preferences(self, *names):
        return {
            name: Preference(self.preferences[name], self.set_by.get(name, "ann"), "U0ANN")
            for name in names
            if name in self.preferences
        }

    # -- orders
    async def shadow(self):
        return self.in_shadow

    async def ask_mode(self, mode, alias, by, reply, *, shadow=False):
        self.asked_modes.append((mode, alias, shadow))
        if alias not in {None, US}:
            raise NotAllowed(f"{alias} is not a destination; the destinations are us")
        report = self.new_report(ReportKind.PREFLIGHT, by.id, mode=str(mode), alias=alias)
        proposal = self.propose(ProposalKind.MODE, report, subject=str(mode))
        facts = replace(report.facts, proposal=proposal.token)
        report = replace(report, facts=facts)
        self.reported[report.id] = report
        self.tell(
            "report",
            f"report:{report.id}",
            "info",
            report=report.id,
            kind="preflight",
            reply=reply,
            by=by.id,
        )
        return replace(report, state=ReportState.WANTED, finished_at=None)

    async def ask_undo(self, receipt_id, by):
        if receipt_id not in self.receipted:
            raise NotAllowed(f"There is no receipt {receipt_id}.")
        return self.propose(ProposalKind.UNDO, subject=str(receipt_id))

    async def check(self, by, reply=None):
        report = self.new_report(ReportKind.CHECK, by)
        self.propose(ProposalKind.FIX, report, safe=True, choices=(Choice.USE_SOURCE,))
        subject = f"report:{report.id}"
        self.tell("report", subject, "info", report=report.id, kind="check", by=by)
        if reply is not None:
            self.tell("answer", subject, "info", report=report.id, by=by, reply=reply)
        return replace(report, state=ReportState.EXPORTING, finished_at=None)

    async def drift(self, by):
        report = self.new_report(ReportKind.DRIFT, by)
        for _ in range(3):
            self.propose(
                ProposalKind.FIX,
                report,
                safe=True,
                choices=(Choice.USE_SOURCE, Choice.USE_NUMBER, Choice.IGNORE),
            )
        self.reported[report.id] = replace(report, open=3, safe=3)
        return self.reported[report.id]

    async def ask_pack(self, pool_ids, pack, alias, by):
        if pack == 1:
            raise NotAllowed("the pack size is 1 already in us")
        self.packs.append((pool_ids, pack, alias, by.id))
        return self.propose(ProposalKind.PACK, subject=str(pack))

    async def pause(self, *, by):
        self.paused = by

    async def resume(self):
        self.paused = None

    async def set_location_groups(self, places, by):
        self.map = places

    async def set_buffer(self, pool_ids, units, alias, by):
        self.buffers.append((pool_ids, units, alias, by.id))
        return 2 if pool_ids is None else len(pool_ids)

    async def investigate(self, subject, by):
        self.investigated.append((subject, by.id))
        return True

    async def set_preferences(self, values, by, *, expected=None):
        for name in values if expected is not None else ():
            if self.preferences.get(name) != expected[name]:
                raise NotAllowed("somebody has just changed the same, so nothing was saved")
        self.preferences |= values
        self.set_by |= dict.fromkeys(values, by.name)

    # -- decisions
    async def decide(self, token, choice, by, rule, number=None, where=""):
        found = self.proposed.get(token)
        if found is None:
            return Clicked(answer=Answer.UNKNOWN)
        if found.state is not ProposalState.OPEN:
            return Clicked(
                answer=STATES[found.state],
                by=found.by,
                at=found.decided_at,
                receipt=found.receipt,
                proposal=found,
            )
        receipt = self._receipt(found, choice, by, rule)
        found = replace(
            found,
            state=ProposalState.DONE,
            choice=choice,
            by=by,
            decided_at=self.clock.now(),
            receipt=receipt.id,
        )
        self.proposed[token] = found
        self.decisions.append((token, choice, by.id, rule))
        if found.kind is ProposalKind.MODE:
            self.modes[US] = Mode(found.subject)
        self.tell(
            "decided",
            f"receipt:{receipt.id}",
            "info",
            receipt=receipt.id,
            report=found.report,
            proposal=found.id,
            token=token,
            kind=str(found.kind),
        )
        return Clicked(answer=Answer.TAKEN, taken=1, receipt=receipt.id, proposal=found)

    def _receipt(self, proposal, choice, by, rule):
        number = len(self.receipted) + 1
        line = ReceiptLine(
            title=proposal.title,
            choice=choice,
            done=True,
            why="",
            moved=-5,
            writes=proposal.options[0].writes,
        )
        self.receipted[number] = Receipt(
            id=number,
            kind=proposal.kind,
            by=by,
            rule=rule,
            at=self.clock.now(),
            running=False,
            lines=(line,),
        )
        return self.receipted[number]

    async def decide_all(self, report_token, by, rule, *, safe_only=True, where=""):
        report = await self.report_of(report_token)
        if report is None:
            return Clicked(answer=Answer.UNKNOWN)
        _, found = await self.proposals(report.id, open_only=True)
        taken = [await self.decide(each.token, each.recommended, by, rule) for each in found]
        return Clicked(
            answer=Answer.TAKEN if taken else Answer.ALREADY,
            taken=len(taken),
            receipt=taken[0].receipt if taken else None,
            report=report.id if not taken else None,
        )

    async def decide_some(self, report_token, choices, by, rule, where=""):
        tokens = {each.id: each.token for each in self.proposed.values()}
        done = [
            await self.decide(tokens[key], choice, by, rule, number)
            for key, (choice, number) in choices.items()
        ]
        taken = [each for each in done if each.answer is Answer.TAKEN]
        return Clicked(
            answer=Answer.TAKEN if taken else Answer.ALREADY,
            taken=len(taken),
            receipt=taken[0].receipt if taken else None,
            late=tuple(each.proposal for each in done if each.answer is not Answer.TAKEN),
        )

    async def preview(self, report_token, choices):
        report = await self.report_of(report_token)
        if report is None:
            return None
        _, found = await self.proposals(report.id, limit=10_000, open_only=True)
        return report, [BulkPreview(choice=each.choice).plus(found, each) for each in choices]

    async def decide_bulk(self, report_token, chosen, choices, by, rule, where=""):
        report = await self.report_of(report_token)
        _, found = await self.proposals(report.id, limit=10_000, open_only=True)
        apart = replace(chosen, without=chosen.without | set(choices))
        wanted = {key: (choice, None) for key, choice in taken(found, apart).items()}
        return await self.decide_some(report_token, {**wanted, **choices}, by, rule)

    async def dismiss(self, report_token, by, rule):
        report = await self.report_of(report_token)
        _, found = await self.proposals(report.id, open_only=True)
        for each in found:
            await self.decide(each.token, Choice.DISMISS, by, rule)
        return Clicked(answer=Answer.TAKEN, taken=len(found))

    # -- rows
    async def notifications(self, *, after=0, limit=100):
        return [each for each in self.told if each.id > after][:limit]

    async def activity(self, *, after=0, limit=500):
        return [each for each in self.moved if each.id > after][:limit]

    async def last_movement(self):
        return len(self.moved)

    async def cursors(self):
        return dict(self.cursor)

    async def posts(self, keys):
        return {key: self.stored[key] for key in keys if key in self.stored}

    async def post_at(self, channel, ts):
        found = (each for each in self.stored.values() if (each.channel, each.ts) == (channel, ts))
        return next(found, None)

    async def save_posts(self, posts, before, after):
        if dict(before) != self.cursor:
            return False
        for post in posts:
            old = self.stored.get(post.key)
            if post.version != (1 if old is None else old.version + 1):
                return False
        for post in posts:
            old = self.stored.get(post.key)
            sent = 0 if old is None else old.sent
            self.stored[post.key] = replace(post, sent=sent, ts=old.ts if old else None)
        self.cursor = dict(after)
        self.wakeup.notify()
        return True

    async def unsent_posts(self, *, limit=50):
        now = self.clock.now()
        found = [
            each
            for each in self.stored.values()
            if each.sent < each.version
            and each.due_at <= now
            and self.again.get((each.key, each.version), now) <= now
        ]
        return sorted(found, key=lambda each: each.parent is not None)[:limit]

    async def sent(self, key, version, ts, channel):
        self.stored[key] = replace(self.stored[key], sent=version, ts=ts, channel=channel)

    async def failed(self, key, version, why, again_at):
        self.again[key, version] = again_at

    async def next_due(self, after):
        unsent = [each for each in self.stored.values() if each.sent < each.version]
        dues = [
            max(each.due_at, self.again.get((each.key, each.version), after)) for each in unsent
        ]
        return min((each for each in dues if each > after), default=None)

    @contextmanager
    def wakeups(self):
        yield self.wakeup

    async def claim(self, name, *, lasting=False):
        is_first = name not in self.claims
        self.claims.add(name)
        return is_first

    async def take_leadership(self, name, owner, seconds):
        now = self.clock.now()
        held = self.leases.get(name)
        if held is None or held[0] == owner or held[1] < now:
            self.leases[name] = (owner, now + timedelta(seconds=seconds))
            return True
        return False
