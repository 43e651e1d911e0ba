"""Each night: compare, explain, propose, approve, undo. One story each, in virtual time."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import bindparam, text

from sandbox.faults import Answer as Answer503
from sync_core.db.tables import Utc
from sync_core.domain.proposals import Answer, Choice, Person, ProposalState, ReportState
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from sync_core.service import Service
from sync_core.workers import deciding
from sync_core.workers.context import Auto, Pace
from sync_core.workers.proposing import Proposer
from tests.simulation.house import assert_conserved
from tests.simulation.virtual import Counting

ANN = Person(team="T1", id="U1", name="ann")
BOB = Person(team="T1", id="U2", name="bob")
DEAF = Pace(listen=30, catch_up=0)  # nothing but webhooks and the night


def deafen(home, alias):
    """Lose every webhook that a store sends from now on."""
    home.shops[alias].drop_subscriptions()


def check(home, seconds=60):
    """Compare the stores now; return the report."""
    report = home.do(home.process.service.check("ann"))
    home.process.context.papers.ring()
    home.advance(seconds)
    return home.do(home.process.service.report(report.id))


def proposals(home, report):
    return home.do(home.process.service.proposals(report.id))[1]


def decide(home, proposal, choice, by=ANN, **rest):
    clicked = home.do(home.process.service.decide(proposal.token, choice, by, "listed", **rest))
    home.process.context.papers.ring()
    home.advance(15)
    return clicked


def receipt(home, clicked):
    return home.do(home.process.service.receipt(clicked.receipt))


def stock(home, sku="SKU-0"):
    return {alias: home.shows(alias, sku) for alias in home.shops}


def test_a_change_nobody_told_us_of_is_found_explained_counted_and_taken_back(house):
    """The webhook was lost and nothing else looked: the night is the last net."""
    home = house(items=3, pace=DEAF, orders=True)
    home.open()
    deafen(home, "us")
    home.shops["us"].sell("SKU-0", 5)
    report = check(home)
    assert report.state is ReportState.DONE
    (found,) = proposals(home, report)
    assert (found.subject, found.recommended, found.safe) == ("missed", Choice.ACCEPT, True)
    assert stock(home) == {"eu": 50, "us": 45}
    clicked = decide(home, found, Choice.ACCEPT)
    assert clicked.answer is Answer.TAKEN
    assert stock(home) == {"eu": 45, "us": 45}
    done = receipt(home, clicked)
    assert [(line.done, line.moved) for line in done.lines] == [(True, 0)]
    assert decide(home, found, Choice.ACCEPT, by=BOB).answer is Answer.ALREADY
    assert_conserved(home)


def sold(home, alias, count, sku="SKU-0"):
    """Sell, and let it travel."""
    home.act(alias, sku, -count)
    home.advance(3)


def differing(house, us=30, **rest):
    """Return a house whose first product differs when the stores first meet."""
    home = house(items=2, pace=DEAF, orders=True, **rest)
    shop = home.shops["us"]
    shop.edit("SKU-0", to=us)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    return home


@pytest.mark.parametrize(
    ("choice", "number", "after", "undone"),
    [
        pytest.param(Choice.USE_SOURCE, None, (50, 50), (45, 25), id="use the source"),
        pytest.param(Choice.USE_DESTINATION, None, (30, 30), (45, 25), id="use the destination"),
        pytest.param(Choice.USE_LOWER, None, (30, 30), (45, 25), id="use the lower"),
        pytest.param(Choice.USE_NUMBER, 47, (47, 47), (45, 25), id="enter a number"),
        pytest.param(Choice.KEEP, None, (50, 30), (45, 25), id="keep the difference"),
    ],
)
def test_a_first_meeting_is_settled_as_chosen_and_taken_back(house, choice, number, after, undone):
    """Taken back as a delta: the five that were sold since then stay sold, in both stores."""
    home = differing(house)
    report = home.do(home.process.service.drift("ann"))
    (found,) = proposals(home, report)
    assert (found.subject, found.safe) == ("differs", False)
    clicked = decide(home, found, choice, number=number)
    assert tuple(stock(home).values()) == after
    sold(home, "us", 5)
    home.advance(10)
    assert tuple(stock(home).values()) == tuple(each - 5 for each in after)
    question = home.do(home.process.service.ask_undo(clicked.receipt, BOB))
    assert decide(home, question, Choice.CONFIRM, by=BOB).answer is Answer.TAKEN
    home.advance(30)
    assert tuple(stock(home).values()) == undone
    assert_conserved(home)


def test_a_destination_that_only_follows_gets_the_sources_number_back(house):
    """One-way: its own change is written nowhere, and the night shows it."""
    home = house(items=2, pace=DEAF)
    home.advance(2)
    home.set_mode(Mode.ONE_WAY)
    home.advance(10)
    home.shops["us"].edit("SKU-0", to=60)
    home.advance(5)
    assert stock(home) == {"eu": 50, "us": 60}
    (found,) = proposals(home, check(home))
    assert (found.subject, found.recommended, found.safe) == ("one_way", Choice.USE_SOURCE, True)
    assert found.facts["cause"] == "us only follows, and was changed: it shows 60, should be 50"
    clicked = decide(home, found, Choice.USE_SOURCE)
    assert stock(home) == {"eu": 50, "us": 50}
    assert receipt(home, clicked).lines[0].writes[0].after == 50
    assert_conserved(home)


def test_a_destination_that_only_follows_may_be_right(house):
    """A person says that the destination's number holds: the source follows once."""
    home = house(items=2, pace=DEAF)
    home.advance(2)
    home.set_mode(Mode.ONE_WAY)
    home.advance(10)
    home.shops["us"].edit("SKU-0", to=60)
    home.advance(5)
    (found,) = proposals(home, check(home))
    clicked = decide(home, found, Choice.USE_DESTINATION)
    assert stock(home) == {"eu": 60, "us": 60}
    question = home.do(home.process.service.ask_undo(clicked.receipt, BOB))
    decide(home, question, Choice.CONFIRM)
    assert stock(home) == {"eu": 50, "us": 50}
    assert_conserved(home)


@pytest.mark.parametrize("written", [True, False], ids=["it was written", "it was not"])
def test_a_write_of_unknown_outcome_is_finished_by_a_person(house, written):
    """Its key has expired, so only the number itself can say what became of it."""
    home = house(items=2, pace=DEAF, opened=True)
    shop = home.shops["us"]
    shop.faults.next = [Answer503.DROP_AFTER if written else Answer503.DROP_BEFORE]
    home.act("eu", "SKU-0", -5)
    home.advance(0.2)
    home.kill()
    home.loop.passed += timedelta(hours=21).total_seconds()
    home.start()
    home.advance(200)
    assert stock(home) == {"eu": 45, "us": 45 if written else 50}
    found = next(each for each in proposals(home, check(home)) if each.subject == "suspended")
    assert (found.recommended, found.safe) == (Choice.RETRY, True)
    decide(home, found, Choice.RETRY)
    home.advance(20)
    assert stock(home) == {"eu": 45, "us": 45}
    home.act("us", "SKU-0", -1)
    home.advance(5)
    assert stock(home) == {"eu": 44, "us": 44}
    assert_conserved(home)


def test_a_refused_item_is_taken_back_by_a_click(house):
    """It was a bundle for a while; nobody has to wait for the hourly look."""
    home = house(items=2, pace=DEAF, opened=True)
    home.shops["us"].set_bundle("SKU-0")
    home.act("eu", "SKU-0", -5)
    home.advance(5)
    home.shops["us"].set_bundle("SKU-0", bundle=False)
    (found,) = proposals(home, check(home))
    assert (found.subject, found.recommended) == ("suspended", Choice.RETRY)
    decide(home, found, Choice.RETRY)
    assert stock(home) == {"eu": 45, "us": 45}
    assert_conserved(home)


def test_what_was_edited_while_the_connection_was_off_is_called_so(house):
    """People want to know why two numbers that agreed last week differ now."""
    home = house(items=2, pace=DEAF, opened=True)
    home.set_mode(Mode.OFF)
    home.shops["us"].edit("SKU-0", to=44)
    home.advance(5)
    home.set_mode(Mode.TWO_WAY)
    home.advance(30)
    (found,) = proposals(home, check(home))
    assert found.facts["cause"] == "edited while off: us shows 44, should be 50"


def test_numbers_that_move_before_the_click_stop_it_and_are_shown_anew(house):
    """Nothing is written on what is no longer so; the fresh state has its own buttons."""
    home = differing(house)
    (found,) = proposals(home, home.do(home.process.service.drift("ann")))
    home.act("us", "SKU-0", -1)
    home.advance(5)
    clicked = decide(home, found, Choice.USE_SOURCE)
    (line,) = receipt(home, clicked).lines
    assert (line.done, line.why) == (False, "us shows 29 now, not 30")
    assert stock(home) == {"eu": 50, "us": 29}
    newer = home.do(home.process.service.question("differs", found_subject(home)))
    assert decide(home, newer, Choice.USE_SOURCE).answer is Answer.TAKEN
    assert stock(home) == {"eu": 50, "us": 50}
    assert_conserved(home)


def found_subject(home):
    [row] = home.rows("SELECT subject FROM finding WHERE closed_at IS NULL")
    return row["subject"]


def test_an_older_button_leads_to_the_newer_report(house):
    """A message scrolls away; its buttons must not decide on last night's numbers."""
    home = differing(house)
    (old,) = proposals(home, home.do(home.process.service.drift("ann")))
    home.advance(60)
    (newer,) = proposals(home, home.do(home.process.service.drift("bob")))
    clicked = decide(home, old, Choice.USE_SOURCE)
    assert (clicked.answer, clicked.proposal) == (Answer.OUTDATED, newer)
    assert stock(home) == {"eu": 50, "us": 30}


@pytest.mark.parametrize("look", [False, True], ids=["", "somebody looks meanwhile"])
@pytest.mark.parametrize("late", ["initial comparison", "check", "neither"])
def test_whatever_ends_first_the_newest_report_offers_what_is_open(house, late, look):
    """A check overtakes the initial comparison, or not: one message has the buttons, always."""
    home = house(items=3, pace=DEAF)
    home.shops["us"].edit("SKU-0", to=30)
    home.shops["us"].edit("SKU-1", to=31)
    home.advance(2)
    service = home.process.service
    home.set_mode(Mode.TWO_WAY)
    if late == "initial comparison":  # its levels are still being read when the check ends
        hold_back(home, "meeting", 60)
    check_ = home.do(service.check("ann"))
    if late == "check":
        hold_back(home, "check", 60)
    home.process.context.papers.ring()
    home.advance(30)
    if look:
        view = home.do(service.drift("bob"))
        assert view.open == 2
        assert len(proposals(home, view)) == 2
    home.advance(90)
    rows = home.rows("SELECT id, kind, state, finished_at FROM report WHERE kind <> 'drift'")
    assert {row["state"] for row in rows} == {"done"}
    ended = [row["kind"] for row in sorted(rows, key=lambda row: row["finished_at"])]
    assert late == "neither" or ended[-1] == {"check": "check"}.get(late, "meeting")
    older, newest = (home.do(service.report(row["id"])) for row in rows)
    assert (newest.id, newest.open, newest.newer) == (check_.id, 2, None)
    assert (older.open, older.newer) == (0, newest.id)
    found = home.do(service.proposals(newest.id, open_only=True))[1]
    assert home.do(service.decide_all(older.token, ANN, "listed")).answer is Answer.OUTDATED
    for each in found:
        assert decide(home, each, Choice.USE_SOURCE).answer is Answer.TAKEN
    assert stock(home) == stock(home, "SKU-1") == {"eu": 50, "us": 50}
    assert home.do(service.report(newest.id)).open == 0
    if look:
        view = home.do(service.report(view.id))
        assert (view.open, view.decided) == (0, 0 if late == "check" else 2)
    assert_conserved(home)


def hold_back(home, kind, seconds):
    """Have a report be taken up only then, as if another process had it."""
    until = home.clock.now() + timedelta(seconds=seconds)

    def hold(ledger):
        ledger.run(text("UPDATE report SET claimed_until = :at WHERE kind = :kind").bindparams(
            bindparam("at", until, Utc), kind=kind))  # fmt: skip

    home.process.database.run(hold)


def test_what_a_report_found_before_it_failed_can_be_decided(house):
    """It has taken the older report's questions away: its own message must ask them."""
    home = differing(house)
    service = home.process.service
    asked = home.do(service.check("ann"))

    async def broken(_report):
        raise RuntimeError("what nobody foresaw")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Proposer, "rest", lambda _self, _report: broken(_report))
        home.process.context.papers.ring()
        home.advance(3600)
    failed = home.do(service.report(asked.id))
    assert (failed.state, failed.open, failed.newer) == (ReportState.FAILED, 1, None)
    home.advance(60)
    newest = check(home)
    assert (newest.open, home.do(service.report(failed.id)).open) == (1, 0)


def test_a_finding_that_vanishes_closes_itself_and_one_that_stays_grows_old(house):
    """People see how long something has been wrong, and nothing that is right."""
    home = house(items=3, pace=DEAF, opened=True)
    deafen(home, "us")
    home.shops["us"].edit("SKU-0", to=49)
    home.shops["us"].edit("SKU-1", to=48)
    home.advance(5)
    first = {each.title: each for each in proposals(home, check(home))}
    assert len(first) == 2
    home.shops["us"].edit("SKU-1", to=50)
    home.advance(900)
    (again,) = proposals(home, check(home))
    assert again.title == "Thing 0"
    assert again.finding == first["Thing 0"].finding
    assert again.facts["since"] == first["Thing 0"].facts["since"]
    assert again.token != first["Thing 0"].token


def test_a_store_that_suddenly_exports_nothing_is_not_believed(house):
    """A broken export is no empty store: no flood of findings, one loud notice."""
    home = house(items=30, pace=DEAF, opened=True)
    shop = home.shops["us"]
    kept = shop.run_export
    shop.run_export = lambda export: None
    home.act("us", "SKU-0", -1)
    home.advance(5)
    report = check(home, seconds=120)
    shop.run_export = kept
    assert report.summary["disbelieved"] == ["us"]
    assert proposals(home, report) == []
    [row] = home.rows("SELECT * FROM notice WHERE kind = 'export_odd'")
    assert row["severity"] == "critical"
    assert stock(home) == {"eu": 49, "us": 49}
    check(home)
    assert [r["over"] for r in home.rows("SELECT * FROM notice WHERE kind = 'export_odd'")] == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("choice", "us"),
    [(Choice.RELEASE, 0), (Choice.DISCARD, 50)],
    ids=["release", "ignore these changes"],
)
def test_a_wipe_is_held_until_somebody_decides(house, choice, us):
    """A CSV import that empties a store must not empty the others; sales go on meanwhile."""
    home = house(items=30, pace=DEAF, opened=True)
    for sku in home.skus:
        home.shops["eu"].edit(sku, to=0)
    home.advance(20)
    held = [sku for sku in home.skus if home.shows("us", sku) == 50]
    assert len(held) >= 9
    home.act("us", held[0], -1)
    home.advance(5)
    [row] = home.rows("SELECT subject FROM finding WHERE kind = 'brake' AND closed_at IS NULL")
    home.process.context.papers.ring()
    home.advance(1)
    question = home.do(home.process.service.question("brake", row["subject"]))
    assert decide(home, question, choice).answer is Answer.TAKEN
    home.advance(20)
    assert stock(home, held[1]) == {"eu": us, "us": us}
    assert stock(home, held[0]) == {"eu": us - 1, "us": us - 1}
    assert_conserved(home)


def test_a_night_may_do_by_itself_what_the_settings_allow(house):
    """Off by default; with a limit of units, and safe fixes only."""
    home = house(items=3, pace=DEAF, opened=True, auto=Auto(kinds=frozenset({"missed"}), units=10))
    deafen(home, "us")
    home.shops["us"].edit("SKU-0", to=46)
    home.shops["us"].edit("SKU-1", to=36)
    report = home.do(home.process.service.night(time(9, 0), UTC))
    assert report is None, "no night before there was a Tipo"
    home.do(home.process.service.begin_nights())
    home.advance(900)
    due = home.clock.now() - timedelta(minutes=5)
    report = home.do(home.process.service.night(due.time(), UTC))
    assert home.do(home.process.service.night(due.time(), UTC)) is None, "one a night"
    home.process.context.papers.ring()
    home.advance(60)
    states = {each.title: each.state for each in proposals(home, report)}
    assert states == {"Thing 0": ProposalState.DONE, "Thing 1": ProposalState.OPEN}
    assert stock(home, "SKU-0") == {"eu": 46, "us": 46}
    assert stock(home, "SKU-1") == {"eu": 50, "us": 36}
    [receipt_] = home.do(home.process.service.receipts())
    assert (receipt_.by.name, receipt_.rule) == ("Tipo", "the settings allow it")


@pytest.mark.parametrize(
    ("late", "runs"),
    [(timedelta(minutes=1), True), (timedelta(hours=11), True), (timedelta(hours=13), False)],
    ids=["a minute late", "eleven hours late", "thirteen hours late"],
)
def test_a_night_that_was_missed_while_down_is_made_up_for_within_twelve_hours(house, late, runs):
    """A restart at breakfast still compares; one in the evening leaves it to the next night."""
    home = house(items=2, pace=DEAF, opened=True)
    home.do(home.process.service.begin_nights())
    home.kill()
    home.loop.passed += timedelta(hours=20).total_seconds()
    home.start()
    home.advance(60)
    due = home.clock.now() - late
    report = home.do(home.process.service.night(due.time(), UTC))
    home.process.context.papers.ring()
    home.advance(120)
    done = home.rows("SELECT state FROM report WHERE kind = 'night'")
    assert (report is not None, [row["state"] for row in done]) == (runs, ["done"] * runs)


@pytest.mark.parametrize("point", [None, 3, 9, 20, 40])
@pytest.mark.parametrize("asked", ["check", "preflight"])
def test_a_night_that_finds_a_comparison_under_way_runs_after_it(house, asked, point):
    """Somebody compares at half past two, and the process may die: no night is left out."""
    home = house(items=2, pace=DEAF, opened=True)
    service = home.process.service
    home.do(service.begin_nights())
    home.advance(600)
    if asked == "check":
        home.do(service.check("ann"))
    else:
        home.do(service.ask_mode(Mode.ONE_WAY, None, ANN, ""))
    home.process.context.papers.ring()
    home.advance(0.01)
    due = home.clock.now() - timedelta(minutes=1)
    night = home.do(service.night(due.time(), UTC))
    assert (night.kind, night.state) == ("night", ReportState.WANTED)
    home.process.fuse.left = point
    home.advance(600)
    service = disarmed(home)
    assert home.do(service.night(due.time(), UTC)) is None, "once"
    home.advance(600)
    rows = home.rows("SELECT kind, state, finished_at FROM report WHERE kind <> 'meeting'")
    assert {(row["kind"], row["state"]) for row in rows} == {(asked, "done"), ("night", "done")}
    assert [row["kind"] for row in sorted(rows, key=lambda row: row["finished_at"])][-1] == "night"
    assert len(rows) == 2
    told = home.rows("SELECT facts FROM notice WHERE kind = 'report'")
    assert len([row for row in told if '"night"' in row["facts"]]) == 1
    assert_conserved(home)


@pytest.mark.parametrize(
    ("begin", "nights"),
    [
        pytest.param(datetime(2026, 3, 28, tzinfo=UTC), 3, id="the hour that never comes"),
        pytest.param(datetime(2026, 10, 24, tzinfo=UTC), 3, id="the hour that comes twice"),
    ],
)
def test_over_a_change_of_the_clocks_each_night_is_asked_for_once(database, begin, nights):
    """02:30 in Berlin: asked every ten minutes, while checks are under way all the time."""
    berlin, clock = ZoneInfo("Europe/Berlin"), VirtualClockAt(begin)
    service = Service(database, {}, clock, Counting())

    async def days():
        await service.begin_nights()
        made = []
        for turn in range(6 * 24 * 3):
            clock.at += timedelta(minutes=10)
            if turn % 7 == 0:
                await service.check("ann")  # is never over: the nights wait, and are not lost
            made.append(await service.night(time(2, 30), berlin))
        return [each for each in made if each]

    made = asyncio.run(days())
    rows = database.run(lambda ledger: [row.night for row in ledger.run(NIGHTS)])
    assert rows == [str(begin.date() + timedelta(days=n)) for n in range(nights)]
    assert len(made) == nights


class VirtualClockAt:
    """A clock that stands."""

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


NIGHTS = text("SELECT night FROM report WHERE night IS NOT NULL ORDER BY id")


def test_a_mode_is_changed_after_a_preflight_and_bound_to_what_was_shown(house):
    """Counts, units, the worst; nothing is written without the confirmation."""
    home = house(items=3, pace=DEAF)
    home.shops["us"].edit("SKU-1", to=43)
    home.advance(2)
    service = home.process.service
    asked = home.do(service.ask_mode(Mode.TWO_WAY, None, ANN, ""))
    home.process.context.papers.ring()
    home.advance(30)
    report = home.do(service.report(asked.id))
    assert {name: report.summary[name] for name in ("matching", "differing", "missing")} == {
        "matching": 2,
        "differing": 1,
        "missing": 0,
    }
    assert report.summary["units"] == 7
    assert [(each.title, each.shows, each.should_show) for each in report.worst] == [
        ("Thing 1", 43, 50)
    ]
    question = home.do(service.proposal(report.facts["proposal"]))
    assert decide(home, question, Choice.CONFIRM).answer is Answer.TAKEN
    home.advance(30)
    assert stock(home, "SKU-1") == {"eu": 50, "us": 43}
    assert [row["mode"] for row in home.rows("SELECT mode FROM connection")] == ["two-way"]
    meeting = home.rows("SELECT id FROM report WHERE kind = 'meeting' AND state = 'done'")
    (found,) = proposals(home, home.do(service.report(meeting[0]["id"])))
    assert (found.subject, found.title) == ("differs", "Thing 1")


def test_a_mode_that_somebody_else_changed_meanwhile_is_not_confirmed(house):
    """The confirmation says what was; it is no order for what is."""
    home = house(items=2, pace=DEAF)
    home.advance(2)
    service = home.process.service
    asked = home.do(service.ask_mode(Mode.TWO_WAY, None, ANN, ""))
    home.process.context.papers.ring()
    home.advance(30)
    home.set_mode(Mode.ONE_WAY)
    report = home.do(service.report(asked.id))
    question = home.do(service.proposal(report.facts["proposal"]))
    clicked = decide(home, question, Choice.CONFIRM)
    (line,) = receipt(home, clicked).lines
    assert (line.done, line.why) == (False, "the mode of us has changed since")
    assert [row["mode"] for row in home.rows("SELECT mode FROM connection")] == ["one-way"]


def test_sales_during_compare_approval_and_undo_lose_no_unit(house):
    """People buy while others decide: no stale fix is written, no unit is lost."""
    home = house(items=4, pace=DEAF, orders=True)
    home.shops["us"].edit("SKU-0", to=30)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    service = home.process.service
    asked = home.do(service.check("ann"))
    home.process.context.papers.ring()
    for turn in range(30):
        for alias in home.shops:
            home.act(alias, f"SKU-{1 + turn % 3}", -1)
        home.advance(1)
    home.advance(40)
    report = home.do(service.report(asked.id))
    assert report.state is ReportState.DONE
    home.do(service.decide_all(report.token, ANN, "listed", safe_only=False))
    home.process.context.papers.ring()
    for _ in range(10):
        home.act("us", "SKU-0", -1)
        home.advance(1)
    home.advance(60)
    for row in home.do(service.receipts()):
        with suppress(NotAllowed):
            question = home.do(service.ask_undo(row.id, BOB))
            home.act("eu", "SKU-1", -1)
            decide(home, question, Choice.CONFIRM)
    home.advance(60)
    assert_conserved(home)
    for number in (1, 2, 3):
        shown = stock(home, f"SKU-{number}")
        assert set(shown.values()) == {home.expected(f"SKU-{number}")}


def test_a_night_with_all_kinds_of_findings_at_once(house):
    """Each cause is right, each fix is clicked, the stores are as chosen, and it can be undone."""
    home = house(items=9, pace=DEAF, orders=True)
    eu, us = home.shops["eu"], home.shops["us"]
    us.edit("SKU-1", to=30)  # a first meeting that differs
    us.set_sku(us.add_product("Scarf", "scarf-us").variants[0].item.id, "SCARF")
    eu.set_sku(eu.add_product("Scarf", "scarf").variants[0].item.id, "SCARF")
    eu.add_product("Only here", "only-here")
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    deafen(home, "us")
    us.sell("SKU-0", 5)  # missed
    us.untrack("SKU-2")
    us.disconnect("SKU-3", next(iter(us.locations)))
    us.delete_item("SKU-4")
    eu.sell("SKU-7", 51, race=True)
    home.advance(5)
    report = check(home, seconds=200)
    found = {(each.subject, each.title): each for each in proposals(home, report)}
    causes = {key: each.facts["cause"] for key, each in found.items()}
    assert "us moved from 50 to 45 and nobody told us" in causes["missed", "Thing 0"]
    assert causes["differs", "Thing 1"] == "first meeting: us shows 30, should be 50"
    assert causes["oversold", "Thing 7"] == "Oversold by 1"
    assert causes["no_partner", "Only here"] == "eu sells it, no other store does"
    assert found["no_partner", "Scarf"].recommended is Choice.LINK
    safe = home.do(home.process.service.decide_all(report.token, ANN, "listed"))
    assert safe.taken == 1
    home.process.context.papers.ring()
    home.advance(10)
    assert stock(home) == {"eu": 45, "us": 45}
    clicked = decide(home, found["differs", "Thing 1"], Choice.USE_LOWER)
    assert stock(home, "SKU-1") == {"eu": 30, "us": 30}
    decide(home, found["no_partner", "Only here"], Choice.IGNORE)
    decide(home, found["no_partner", "Scarf"], Choice.LINK)
    home.advance(30)
    question = home.do(home.process.service.ask_undo(clicked.receipt, BOB))
    decide(home, question, Choice.CONFIRM)
    home.advance(30)
    assert stock(home, "SKU-1") == {"eu": 50, "us": 30}
    again = check(home, seconds=200)
    after = {(each.subject, each.title): each for each in proposals(home, again)}
    assert ("differs", "Thing 1") in after
    gone = {("missed", "Thing 0"), ("no_partner", "Only here"), ("no_partner", "Scarf")}
    assert not gone & set(after)
    causes = {key: each.facts["cause"] for key, each in after.items()}
    assert causes["suspended", "Thing 2"].endswith("is not tracked, so it means nothing")
    assert "not stocked at the mapped place" in causes["suspended", "Thing 3"]
    assert "the item is gone" in causes["suspended", "Thing 4"]
    assert_conserved(home)


def test_an_export_is_fetched_as_soon_as_the_store_says_that_it_ended(house):
    """Polling finds it too, but a night should not wait for the next poll."""
    home = house(items=2, pace=DEAF, opened=True)
    for shop in home.shops.values():
        shop.export_takes = 41.0
    began = home.clock.now()
    report = check(home, seconds=120)
    assert report.state is ReportState.DONE
    took = (report.finished_at - began).total_seconds()
    assert 41 <= took < 46
    handled = home.rows("SELECT topic FROM delivery WHERE handled_at IS NOT NULL")
    assert "bulk_operations/finish" in {row["topic"] for row in handled}


def test_a_report_that_breaks_stops_no_sale(house):
    """A fault in what compares is told after some tries; the stores are kept equal throughout."""
    home = house(items=2, pace=DEAF, opened=True)

    class Broken:
        def compare(self, question):
            raise RuntimeError("what nobody foresaw")

    object.__setattr__(home.process.context, "comparer", Broken())
    report = check(home, seconds=30)
    home.act("us", "SKU-0", -5)
    home.advance(3)
    assert stock(home) == {"eu": 45, "us": 45}
    home.advance(3600)
    failed = home.do(home.process.service.report(report.id))
    assert (failed.state, failed.why_failed) == (
        ReportState.FAILED,
        "a fault of Tipo's own: RuntimeError",
    )
    told = home.rows("SELECT facts FROM notice WHERE kind = 'report' AND severity = 'warning'")
    assert len(told) == 1


def test_a_decision_that_breaks_holds_up_no_other(house, monkeypatch):
    """One poisoned row must not keep a night's other fixes from being made."""
    home = house(items=3, pace=DEAF)
    for number in (0, 1):
        home.shops["us"].edit(f"SKU-{number}", to=40)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    report = home.do(home.process.service.drift("ann"))
    first, _ = proposals(home, report)
    real = deciding.decide

    def poisoned(pool, chosen, reads, **rest):
        if pool.title == first.title:
            raise RuntimeError("what nobody foresaw")
        return real(pool, chosen, reads, **rest)

    monkeypatch.setattr(deciding, "decide", poisoned)
    clicked = home.do(home.process.service.decide_all(report.token, ANN, "listed", safe_only=False))
    home.process.context.papers.ring()
    home.advance(700)
    lines = {line.title: line for line in receipt(home, clicked).lines}
    assert sorted(line.done for line in lines.values()) == [False, True]
    assert lines[first.title].why == deciding.BROKEN
    assert_conserved(home)


def disarmed(home):
    """Return the service of a process that will not die any more."""
    if home.process is None or home.process.fuse.blown:
        home.kill()
        home.start()
    home.process.fuse.left = None
    return home.process.service


@pytest.mark.parametrize("point", [*range(1, 20, 2), *range(20, 70, 5)])
def test_a_crash_at_any_point_of_a_night_loses_nothing(house, point):
    """In the middle of the export, the comparison, the report, or a fix: it goes on."""
    home = differing(house)
    asked = home.do(home.process.service.check("ann"))
    home.process.fuse.left = point
    home.process.context.papers.ring()
    home.advance(500)
    service = disarmed(home)
    report = home.do(service.report(asked.id))
    assert report.state is ReportState.DONE
    found = home.do(service.question("differs", found_subject(home)))
    home.do(service.decide(found.token, Choice.USE_SOURCE, ANN, "listed"))
    home.process.fuse.left = point % 12
    home.process.context.papers.ring()
    home.advance(120)
    service = disarmed(home)
    assert stock(home) == {"eu": 50, "us": 50}
    assert_conserved(home)
    told = home.rows("SELECT kind, facts FROM notice WHERE kind IN ('report', 'decided')")
    assert [row["kind"] for row in told if '"check"' in row["facts"]] == ["report"]
    assert len([row for row in told if row["kind"] == "decided"]) == 1


def test_a_buffer_set_meanwhile_stops_a_fix_that_would_write_other_numbers(house):
    """What is written is what was on the button, or nothing."""
    home = differing(house)
    (found,) = proposals(home, home.do(home.process.service.drift("ann")))
    pools = [row["pool_id"] for row in home.rows("SELECT pool_id FROM level WHERE NOT met")]
    home.do(home.process.service.set_buffer(pools[:1], 5, "us", BOB))
    clicked = decide(home, found, Choice.USE_SOURCE)
    (line,) = receipt(home, clicked).lines
    assert (line.done, line.why) == (False, deciding.NOT_AS_SHOWN)
    assert stock(home) == {"eu": 50, "us": 30}
    newer = home.do(home.process.service.question("differs", found_subject(home)))
    decide(home, newer, Choice.USE_SOURCE)
    assert stock(home) == {"eu": 50, "us": 45}
    assert_conserved(home)
