"""Each night: compare, explain, propose, approve, undo. One story each, in virtual time."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import bindparam, text

from sandbox.faults import ShopFault
from sync_core.db.tables import Utc
from sync_core.domain.nights import hour_of, hour_text
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Person,
    ProposalState,
    ReportKind,
    ReportState,
)
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from sync_core.service.service import Service
from sync_core.workers import decider, quantity_decisions
from sync_core.workers.context import AutoApproval, EngineConfig
from sync_core.workers.proposer import Proposer
from tests.simulation.harness import assert_conserved
from tests.simulation.virtual_time import CountingIds

ANN = Person(team="T1", id="U1", name="ann")
BOB = Person(team="T1", id="U2", name="bob")
DEAF = EngineConfig(recheck_every=30, catch_up_every=0)  # nothing but webhooks and the night


def deafen(harness, alias):
    """Lose every webhook that a store sends from now on."""
    harness.shops[alias].drop_subscriptions()


def check(harness, seconds=60):
    """Compare the stores now; return the report."""
    report = harness.do(harness.process.service.check("ann"))
    harness.process.context.requests.notify()
    harness.advance(seconds)
    return harness.do(harness.process.service.report(report.id))


def proposals(harness, report):
    return harness.do(harness.process.service.proposals(report.id))[1]


def decide(harness, proposal, choice, by=ANN, **rest):
    clicked = harness.do(
        harness.process.service.decide(proposal.token, choice, by, "listed", **rest)
    )
    harness.process.context.requests.notify()
    harness.advance(15)
    return clicked


def receipt(harness, clicked):
    return harness.do(harness.process.service.receipt(clicked.receipt))


def stock(harness, sku="SKU-0"):
    return {alias: harness.shows(alias, sku) for alias in harness.shops}


def test_a_change_nobody_told_us_of_is_found_explained_counted_and_taken_back(build_harness):
    """The webhook was lost and nothing else looked: the night is the last net."""
    harness = build_harness(items=3, config=DEAF, orders=True)
    harness.open()
    deafen(harness, "us")
    harness.shops["us"].sell("SKU-0", 5)
    report = check(harness)
    assert report.state is ReportState.DONE
    (found,) = proposals(harness, report)
    assert (found.subject, found.recommended, found.safe) == ("missed", Choice.ACCEPT, True)
    assert stock(harness) == {"eu": 50, "us": 45}
    clicked = decide(harness, found, Choice.ACCEPT)
    assert clicked.answer is Answer.TAKEN
    assert stock(harness) == {"eu": 45, "us": 45}
    done = receipt(harness, clicked)
    assert [(line.done, line.moved) for line in done.lines] == [(True, 0)]
    assert decide(harness, found, Choice.ACCEPT, by=BOB).answer is Answer.ALREADY
    assert_conserved(harness)


def sold(harness, alias, count, sku="SKU-0"):
    """Sell, and let it travel."""
    harness.change_stock(alias, sku, -count)
    harness.advance(3)


def differing(build_harness, us=30, **rest):
    """Return a house whose first product differs when the stores first meet."""
    harness = build_harness(items=2, config=DEAF, orders=True, **rest)
    shop = harness.shops["us"]
    shop.edit("SKU-0", to=us)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    return harness


def test_the_initial_comparison_is_the_last_one_until_another(build_harness):
    """Who has just connected the stores is not told that they were never compared."""
    harness = build_harness(config=DEAF)
    harness.open()
    harness.advance(10)
    last = harness.do(harness.process.service.last_report())
    assert (last.kind, last.open) == (ReportKind.BASELINE, 0)
    report = check(harness)
    assert harness.do(harness.process.service.last_report()).id == report.id


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
def test_a_first_meeting_is_settled_as_chosen_and_taken_back(
    build_harness, choice, number, after, undone
):
    """Taken back as a delta: the five that were sold since then stay sold, in both stores."""
    harness = differing(build_harness)
    report = harness.do(harness.process.service.drift("ann"))
    (found,) = proposals(harness, report)
    assert (found.subject, found.safe) == ("differs", False)
    clicked = decide(harness, found, choice, number=number)
    assert tuple(stock(harness).values()) == after
    sold(harness, "us", 5)
    harness.advance(10)
    assert tuple(stock(harness).values()) == tuple(each - 5 for each in after)
    question = harness.do(harness.process.service.ask_undo(clicked.receipt, BOB))
    assert decide(harness, question, Choice.CONFIRM, by=BOB).answer is Answer.TAKEN
    harness.advance(30)
    assert tuple(stock(harness).values()) == undone
    assert_conserved(harness)


def test_a_destination_that_only_follows_gets_the_sources_number_back(build_harness):
    """One-way: its own change is written nowhere, and the night shows it."""
    harness = build_harness(items=2, config=DEAF)
    harness.advance(2)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(10)
    harness.shops["us"].edit("SKU-0", to=60)
    harness.advance(5)
    assert stock(harness) == {"eu": 50, "us": 60}
    (found,) = proposals(harness, check(harness))
    assert (found.subject, found.recommended, found.safe) == ("one_way", Choice.USE_SOURCE, True)
    assert found.facts["cause"] == "changed in US, which is one-way: shows 60, expected 50"
    clicked = decide(harness, found, Choice.USE_SOURCE)
    assert stock(harness) == {"eu": 50, "us": 50}
    assert receipt(harness, clicked).lines[0].writes[0].after == 50
    assert_conserved(harness)


def test_a_destination_that_only_follows_may_be_right(build_harness):
    """A person says that the destination's number holds: the source follows once."""
    harness = build_harness(items=2, config=DEAF)
    harness.advance(2)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(10)
    harness.shops["us"].edit("SKU-0", to=60)
    harness.advance(5)
    (found,) = proposals(harness, check(harness))
    clicked = decide(harness, found, Choice.USE_DESTINATION)
    assert stock(harness) == {"eu": 60, "us": 60}
    question = harness.do(harness.process.service.ask_undo(clicked.receipt, BOB))
    decide(harness, question, Choice.CONFIRM)
    assert stock(harness) == {"eu": 50, "us": 50}
    assert_conserved(harness)


@pytest.mark.parametrize("written", [True, False], ids=["it was written", "it was not"])
def test_a_write_of_unknown_outcome_is_finished_by_a_person(build_harness, written):
    """Its key has expired, so only the number itself can say what became of it."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    shop = harness.shops["us"]
    shop.faults.next = [ShopFault.DROP_AFTER if written else ShopFault.DROP_BEFORE]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.2)
    harness.kill()
    harness.loop.passed += timedelta(hours=21).total_seconds()
    harness.start()
    harness.advance(200)
    assert stock(harness) == {"eu": 45, "us": 45 if written else 50}
    found = next(each for each in proposals(harness, check(harness)) if each.subject == "suspended")
    assert (found.recommended, found.safe) == (Choice.RETRY, True)
    decide(harness, found, Choice.RETRY)
    harness.advance(20)
    assert stock(harness) == {"eu": 45, "us": 45}
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(5)
    assert stock(harness) == {"eu": 44, "us": 44}
    assert_conserved(harness)


def test_a_refused_item_is_taken_back_by_a_click(build_harness):
    """It was a bundle for a while; nobody has to wait for the hourly look."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    harness.shops["us"].set_bundle("SKU-0")
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(5)
    harness.shops["us"].set_bundle("SKU-0", bundle=False)
    (found,) = proposals(harness, check(harness))
    assert (found.subject, found.recommended) == ("suspended", Choice.RETRY)
    decide(harness, found, Choice.RETRY)
    assert stock(harness) == {"eu": 45, "us": 45}
    assert_conserved(harness)


def test_what_was_edited_while_the_connection_was_off_is_called_so(build_harness):
    """People want to know why two numbers that agreed last week differ now."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    harness.set_mode(Mode.OFF)
    harness.shops["us"].edit("SKU-0", to=44)
    harness.advance(5)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(30)
    (found,) = proposals(harness, check(harness))
    assert found.facts["cause"] == "edited while off: US shows 44, expected 50"


def test_numbers_that_move_before_the_click_stop_it_and_are_shown_anew(build_harness):
    """Nothing is written on what is no longer so; the fresh state has its own buttons."""
    harness = differing(build_harness)
    (found,) = proposals(harness, harness.do(harness.process.service.drift("ann")))
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(5)
    clicked = decide(harness, found, Choice.USE_SOURCE)
    (line,) = receipt(harness, clicked).lines
    assert (line.done, line.why) == (False, "us shows 29 now, not 30")
    assert stock(harness) == {"eu": 50, "us": 29}
    newer = harness.do(harness.process.service.question("differs", found_subject(harness)))
    assert decide(harness, newer, Choice.USE_SOURCE).answer is Answer.TAKEN
    assert stock(harness) == {"eu": 50, "us": 50}
    assert_conserved(harness)


def found_subject(harness):
    [row] = harness.rows("SELECT subject FROM finding WHERE closed_at IS NULL")
    return row["subject"]


def test_an_older_button_leads_to_the_newer_report(build_harness):
    """A message scrolls away; its buttons must not decide on last night's numbers."""
    harness = differing(build_harness)
    (old,) = proposals(harness, harness.do(harness.process.service.drift("ann")))
    harness.advance(60)
    (newer,) = proposals(harness, harness.do(harness.process.service.drift("bob")))
    clicked = decide(harness, old, Choice.USE_SOURCE)
    assert (clicked.answer, clicked.proposal) == (Answer.OUTDATED, newer)
    assert stock(harness) == {"eu": 50, "us": 30}


@pytest.mark.parametrize("look", [False, True], ids=["", "somebody looks meanwhile"])
@pytest.mark.parametrize("late", ["initial comparison", "check", "neither"])
def test_whatever_ends_first_the_newest_report_offers_what_is_open(build_harness, late, look):
    """A check overtakes the initial comparison, or not: one message has the buttons, always."""
    harness = build_harness(items=3, config=DEAF)
    harness.shops["us"].edit("SKU-0", to=30)
    harness.shops["us"].edit("SKU-1", to=31)
    harness.advance(2)
    service = harness.process.service
    harness.set_mode(Mode.TWO_WAY)
    if late == "initial comparison":  # its levels are still being read when the check ends
        hold_back(harness, "baseline", 60)
    check_ = harness.do(service.check("ann"))
    if late == "check":
        hold_back(harness, "check", 60)
    harness.process.context.requests.notify()
    harness.advance(30)
    if look:
        view = harness.do(service.drift("bob"))
        assert view.open == 2
        assert len(proposals(harness, view)) == 2
    harness.advance(90)
    rows = harness.rows("SELECT id, kind, state, finished_at FROM report WHERE kind <> 'drift'")
    assert {row["state"] for row in rows} == {"done"}
    ended = [row["kind"] for row in sorted(rows, key=lambda row: row["finished_at"])]
    assert late == "neither" or ended[-1] == {"check": "check"}.get(late, "baseline")
    older, newest = (harness.do(service.report(row["id"])) for row in rows)
    assert (newest.id, newest.open, newest.newer) == (check_.id, 2, None)
    assert (older.open, older.newer) == (0, newest.id)
    found = harness.do(service.proposals(newest.id, open_only=True))[1]
    assert harness.do(service.decide_all(older.token, ANN, "listed")).answer is Answer.OUTDATED
    for each in found:
        assert decide(harness, each, Choice.USE_SOURCE).answer is Answer.TAKEN
    assert stock(harness) == stock(harness, "SKU-1") == {"eu": 50, "us": 50}
    assert harness.do(service.report(newest.id)).open == 0
    if look:
        view = harness.do(service.report(view.id))
        assert (view.open, view.decided) == (0, 0 if late == "check" else 2)
    assert_conserved(harness)


def hold_back(harness, kind, seconds):
    """Have a report be taken up only then, as if another process had it."""
    until = harness.clock.now() + timedelta(seconds=seconds)

    def hold(tx):
        tx.run(text("UPDATE report SET claimed_until = :at WHERE kind = :kind").bindparams(
            bindparam("at", until, Utc), kind=kind))  # fmt: skip

    harness.process.database.run(hold)


def test_what_a_report_found_before_it_failed_can_be_decided(build_harness):
    """It has taken the older report's questions away: its own message must ask them."""
    harness = differing(build_harness)
    service = harness.process.service
    asked = harness.do(service.check("ann"))

    async def broken(_report):
        raise RuntimeError("what nobody foresaw")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Proposer, "propose_others", lambda _self, _report: broken(_report))
        harness.process.context.requests.notify()
        harness.advance(3600)
    failed = harness.do(service.report(asked.id))
    assert (failed.state, failed.open, failed.newer) == (ReportState.FAILED, 1, None)
    harness.advance(60)
    newest = check(harness)
    assert (newest.open, harness.do(service.report(failed.id)).open) == (1, 0)


def test_a_finding_that_vanishes_closes_itself_and_one_that_stays_grows_old(build_harness):
    """People see how long something has been wrong, and nothing that is right."""
    harness = build_harness(items=3, config=DEAF, opened=True)
    deafen(harness, "us")
    harness.shops["us"].edit("SKU-0", to=49)
    harness.shops["us"].edit("SKU-1", to=48)
    harness.advance(5)
    first = {each.title: each for each in proposals(harness, check(harness))}
    assert len(first) == 2
    harness.shops["us"].edit("SKU-1", to=50)
    harness.advance(900)
    (again,) = proposals(harness, check(harness))
    assert again.title == "Thing 0"
    assert again.finding == first["Thing 0"].finding
    assert again.facts["since"] == first["Thing 0"].facts["since"]
    assert again.token != first["Thing 0"].token


def test_a_store_that_suddenly_exports_nothing_is_not_believed(build_harness):
    """A broken export is no empty store: no flood of findings, one loud notice."""
    harness = build_harness(items=30, config=DEAF, opened=True)
    shop = harness.shops["us"]
    kept = shop.run_bulk_operation
    shop.run_bulk_operation = lambda export: None
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(5)
    report = check(harness, seconds=120)
    shop.run_bulk_operation = kept
    assert report.summary["disbelieved"] == ["us"]
    assert proposals(harness, report) == []
    [row] = harness.rows("SELECT * FROM notification WHERE kind = 'export_odd'")
    assert row["severity"] == "critical"
    assert stock(harness) == {"eu": 49, "us": 49}
    check(harness)
    assert [
        r["resolved"] for r in harness.rows("SELECT * FROM notification WHERE kind = 'export_odd'")
    ] == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("choice", "us"),
    [(Choice.RELEASE, 0), (Choice.DISCARD, 50)],
    ids=["release", "ignore these changes"],
)
def test_a_wipe_is_held_until_somebody_decides(build_harness, choice, us):
    """A CSV import that empties a store must not empty the others; sales go on meanwhile."""
    harness = build_harness(items=30, config=DEAF, opened=True)
    for sku in harness.skus:
        harness.shops["eu"].edit(sku, to=0)
    harness.advance(20)
    held = [sku for sku in harness.skus if harness.shows("us", sku) == 50]
    assert len(held) >= 9
    harness.change_stock("us", held[0], -1)
    harness.advance(5)
    [row] = harness.rows(
        "SELECT subject FROM finding WHERE kind = 'circuit_breaker' AND closed_at IS NULL"
    )
    harness.process.context.requests.notify()
    harness.advance(1)
    question = harness.do(harness.process.service.question("circuit_breaker", row["subject"]))
    assert decide(harness, question, choice).answer is Answer.TAKEN
    harness.advance(20)
    assert stock(harness, held[1]) == {"eu": us, "us": us}
    assert stock(harness, held[0]) == {"eu": us - 1, "us": us - 1}
    assert_conserved(harness)


def test_a_night_may_do_by_itself_what_the_settings_allow(build_harness):
    """Off by default; with a limit of units, and safe fixes only."""
    harness = build_harness(
        items=3, config=DEAF, opened=True, auto=AutoApproval(kinds=frozenset({"missed"}), units=10)
    )
    deafen(harness, "us")
    harness.shops["us"].edit("SKU-0", to=46)
    harness.shops["us"].edit("SKU-1", to=36)
    report = harness.do(harness.process.service.request_nightly_report(time(9, 0), UTC))
    assert report is None, "no night before there was a Tipo"
    harness.do(harness.process.service.remember_first_start())
    harness.advance(900)
    due = harness.clock.now() - timedelta(minutes=5)
    report = harness.do(harness.process.service.request_nightly_report(due.time(), UTC))
    assert harness.do(harness.process.service.request_nightly_report(due.time(), UTC)) is None, (
        "one a night"
    )
    harness.process.context.requests.notify()
    harness.advance(60)
    states = {each.title: each.state for each in proposals(harness, report)}
    assert states == {"Thing 0": ProposalState.DONE, "Thing 1": ProposalState.OPEN}
    assert stock(harness, "SKU-0") == {"eu": 46, "us": 46}
    assert stock(harness, "SKU-1") == {"eu": 50, "us": 36}
    [receipt_] = harness.do(harness.process.service.receipts())
    assert (receipt_.by.name, receipt_.rule) == ("Tipo", "the settings allow it")


@pytest.mark.parametrize(
    ("late", "runs"),
    [(timedelta(minutes=1), True), (timedelta(hours=11), True), (timedelta(hours=13), False)],
    ids=["a minute late", "eleven hours late", "thirteen hours late"],
)
def test_a_night_that_was_missed_while_down_is_made_up_for_within_twelve_hours(
    build_harness, late, runs
):
    """A restart at breakfast still compares; one in the evening leaves it to the next night."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    harness.do(harness.process.service.remember_first_start())
    harness.kill()
    harness.loop.passed += timedelta(hours=20).total_seconds()
    harness.start()
    harness.advance(60)
    due = harness.clock.now() - late
    report = harness.do(harness.process.service.request_nightly_report(due.time(), UTC))
    harness.process.context.requests.notify()
    harness.advance(120)
    done = harness.rows("SELECT state FROM report WHERE kind = 'night'")
    assert (report is not None, [row["state"] for row in done]) == (runs, ["done"] * runs)


@pytest.mark.parametrize("point", [None, 3, 9, 20, 40])
@pytest.mark.parametrize("asked", ["check", "preflight"])
def test_a_night_that_finds_a_comparison_under_way_runs_after_it(build_harness, asked, point):
    """Somebody compares at half past two, and the process may die: no night is left out."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    service = harness.process.service
    harness.do(service.remember_first_start())
    harness.advance(600)
    if asked == "check":
        harness.do(service.check("ann"))
    else:
        harness.do(service.ask_mode(Mode.ONE_WAY, None, ANN, ""))
    harness.process.context.requests.notify()
    harness.advance(0.01)
    due = harness.clock.now() - timedelta(minutes=1)
    night = harness.do(service.request_nightly_report(due.time(), UTC))
    assert (night.kind, night.state) == ("night", ReportState.WANTED)
    harness.process.fuse.left = point
    harness.advance(600)
    service = disarmed(harness)
    assert harness.do(service.request_nightly_report(due.time(), UTC)) is None, "once"
    harness.advance(600)
    rows = harness.rows("SELECT kind, state, finished_at FROM report WHERE kind <> 'baseline'")
    assert {(row["kind"], row["state"]) for row in rows} == {(asked, "done"), ("night", "done")}
    assert [row["kind"] for row in sorted(rows, key=lambda row: row["finished_at"])][-1] == "night"
    assert len(rows) == 2
    told = harness.rows("SELECT facts FROM notification WHERE kind = 'report'")
    assert len([row for row in told if '"night"' in row["facts"]]) == 1
    assert_conserved(harness)


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
    service = Service(database, {}, clock, CountingIds())

    async def days():
        await service.remember_first_start()
        made = []
        for turn in range(6 * 24 * 3):
            clock.at += timedelta(minutes=10)
            if turn % 7 == 0:
                await service.check("ann")  # is never over: the nights wait, and are not lost
            made.append(await service.request_nightly_report(time(2, 30), berlin))
        return [each for each in made if each]

    made = asyncio.run(days())
    rows = database.run(lambda tx: [row.night for row in tx.run(NIGHTS)])
    assert rows == [str(begin.date() + timedelta(days=n)) for n in range(nights)]
    assert len(made) == nights


class VirtualClockAt:
    """A clock that stands."""

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


NIGHTS = text("SELECT night FROM report WHERE night IS NOT NULL ORDER BY id")


def test_a_mode_is_changed_after_a_preflight_and_bound_to_what_was_shown(build_harness):
    """Counts, units, the worst; nothing is written without the confirmation."""
    harness = build_harness(items=3, config=DEAF)
    harness.shops["us"].edit("SKU-1", to=43)
    harness.advance(2)
    service = harness.process.service
    asked = harness.do(service.ask_mode(Mode.TWO_WAY, None, ANN, ""))
    harness.process.context.requests.notify()
    harness.advance(30)
    report = harness.do(service.report(asked.id))
    assert {name: report.summary[name] for name in ("matching", "differing", "missing")} == {
        "matching": 2,
        "differing": 1,
        "missing": 0,
    }
    assert report.summary["units"] == 7
    assert [(each.title, each.shows, each.should_show) for each in report.worst] == [
        ("Thing 1", 43, 50)
    ]
    question = harness.do(service.proposal(report.facts.proposal))
    assert decide(harness, question, Choice.CONFIRM).answer is Answer.TAKEN
    harness.advance(30)
    assert stock(harness, "SKU-1") == {"eu": 50, "us": 43}
    assert [row["mode"] for row in harness.rows("SELECT mode FROM connection")] == ["two-way"]
    level_baseline = harness.rows(
        "SELECT id FROM report WHERE kind = 'baseline' AND state = 'done'"
    )
    (found,) = proposals(harness, harness.do(service.report(level_baseline[0]["id"])))
    assert (found.subject, found.title) == ("differs", "Thing 1")


def test_a_mode_that_somebody_else_changed_meanwhile_is_not_confirmed(build_harness):
    """The confirmation says what was; it is no order for what is."""
    harness = build_harness(items=2, config=DEAF)
    harness.advance(2)
    service = harness.process.service
    asked = harness.do(service.ask_mode(Mode.TWO_WAY, None, ANN, ""))
    harness.process.context.requests.notify()
    harness.advance(30)
    harness.set_mode(Mode.ONE_WAY)
    report = harness.do(service.report(asked.id))
    question = harness.do(service.proposal(report.facts.proposal))
    clicked = decide(harness, question, Choice.CONFIRM)
    (line,) = receipt(harness, clicked).lines
    assert (line.done, line.why) == (False, "the mode of us has changed since")
    assert [row["mode"] for row in harness.rows("SELECT mode FROM connection")] == ["one-way"]


def test_sales_during_compare_approval_and_undo_lose_no_unit(build_harness):
    """People buy while others decide: no stale fix is written, no unit is lost."""
    harness = build_harness(items=4, config=DEAF, orders=True)
    harness.shops["us"].edit("SKU-0", to=30)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    service = harness.process.service
    asked = harness.do(service.check("ann"))
    harness.process.context.requests.notify()
    for turn in range(30):
        for alias in harness.shops:
            harness.change_stock(alias, f"SKU-{1 + turn % 3}", -1)
        harness.advance(1)
    harness.advance(40)
    report = harness.do(service.report(asked.id))
    assert report.state is ReportState.DONE
    harness.do(service.decide_all(report.token, ANN, "listed", safe_only=False))
    harness.process.context.requests.notify()
    for _ in range(10):
        harness.change_stock("us", "SKU-0", -1)
        harness.advance(1)
    harness.advance(60)
    for row in harness.do(service.receipts()):
        with suppress(NotAllowed):
            question = harness.do(service.ask_undo(row.id, BOB))
            harness.change_stock("eu", "SKU-1", -1)
            decide(harness, question, Choice.CONFIRM)
    harness.advance(60)
    assert_conserved(harness)
    for number in (1, 2, 3):
        shown = stock(harness, f"SKU-{number}")
        assert set(shown.values()) == {harness.expected(f"SKU-{number}")}


def test_a_night_with_all_kinds_of_findings_at_once(build_harness):
    """Each cause is right, each fix is clicked, the stores are as chosen, and it can be undone."""
    harness = build_harness(items=9, config=DEAF, orders=True)
    eu, us = harness.shops["eu"], harness.shops["us"]
    us.edit("SKU-1", to=30)  # a first meeting that differs
    us.set_sku(us.add_product("Scarf", "scarf-us").variants[0].item.id, "SCARF")
    eu.set_sku(eu.add_product("Scarf", "scarf").variants[0].item.id, "SCARF")
    eu.add_product("Only here", "only-here")
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    deafen(harness, "us")
    us.sell("SKU-0", 5)  # missed
    us.untrack("SKU-2")
    us.disconnect("SKU-3", next(iter(us.locations)))
    us.delete_item("SKU-4")
    eu.sell("SKU-7", 51, race=True)
    harness.advance(5)
    report = check(harness, seconds=200)
    found = {(each.subject, each.title): each for each in proposals(harness, report)}
    causes = {key: each.facts["cause"] for key, each in found.items()}
    assert "US dropped 50 → 45; Shopify sent no notification" in causes["missed", "Thing 0"]
    assert causes["differs", "Thing 1"] == "initial comparison: US shows 30, expected 50"
    assert causes["oversold", "Thing 7"] == "oversold by 1"
    assert causes["no_partner", "Only here"] == "only EU sells it"
    assert found["no_partner", "Scarf"].recommended is Choice.LINK
    safe = harness.do(harness.process.service.decide_all(report.token, ANN, "listed"))
    assert safe.taken == 1
    harness.process.context.requests.notify()
    harness.advance(10)
    assert stock(harness) == {"eu": 45, "us": 45}
    clicked = decide(harness, found["differs", "Thing 1"], Choice.USE_LOWER)
    assert stock(harness, "SKU-1") == {"eu": 30, "us": 30}
    decide(harness, found["no_partner", "Only here"], Choice.IGNORE)
    decide(harness, found["no_partner", "Scarf"], Choice.LINK)
    harness.advance(30)
    question = harness.do(harness.process.service.ask_undo(clicked.receipt, BOB))
    decide(harness, question, Choice.CONFIRM)
    harness.advance(30)
    assert stock(harness, "SKU-1") == {"eu": 50, "us": 30}
    again = check(harness, seconds=200)
    after = {(each.subject, each.title): each for each in proposals(harness, again)}
    assert ("differs", "Thing 1") in after
    gone = {("missed", "Thing 0"), ("no_partner", "Only here"), ("no_partner", "Scarf")}
    assert not gone & set(after)
    causes = {key: each.facts["cause"] for key, each in after.items()}
    assert causes["suspended", "Thing 2"].endswith("Shopify doesn't track its quantity")
    assert "isn't stocked at the shared location" in causes["suspended", "Thing 3"]
    assert "the item was deleted" in causes["suspended", "Thing 4"]
    assert_conserved(harness)


def test_an_export_is_fetched_as_soon_as_the_store_says_that_it_ended(build_harness):
    """Polling finds it too, but a night should not wait for the next poll."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    for shop in harness.shops.values():
        shop.export_seconds = 41.0
    began = harness.clock.now()
    report = check(harness, seconds=120)
    assert report.state is ReportState.DONE
    took = (report.finished_at - began).total_seconds()
    assert 41 <= took < 46
    handled = harness.rows("SELECT topic FROM delivery WHERE handled_at IS NOT NULL")
    assert "bulk_operations/finish" in {row["topic"] for row in handled}


def test_a_report_that_breaks_stops_no_sale(build_harness):
    """A fault in what compares is told after some tries; the stores are kept equal throughout."""
    harness = build_harness(items=2, config=DEAF, opened=True)

    class Broken:
        def compare(self, question):
            raise RuntimeError("what nobody foresaw")

    object.__setattr__(harness.process.context, "comparer", Broken())
    report = check(harness, seconds=30)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    assert stock(harness) == {"eu": 45, "us": 45}
    harness.advance(3600)
    failed = harness.do(harness.process.service.report(report.id))
    assert (failed.state, failed.why_failed) == (
        ReportState.FAILED,
        "a fault of Tipo's own: RuntimeError",
    )
    told = harness.rows(
        "SELECT facts FROM notification WHERE kind = 'report' AND severity = 'warning'"
    )
    assert len(told) == 1


def test_a_decision_that_breaks_holds_up_no_other(build_harness, monkeypatch):
    """One poisoned row must not keep a night's other fixes from being made."""
    harness = build_harness(items=3, config=DEAF)
    for number in (0, 1):
        harness.shops["us"].edit(f"SKU-{number}", to=40)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    report = harness.do(harness.process.service.drift("ann"))
    first, _ = proposals(harness, report)
    real = quantity_decisions.decide

    def poisoned(pool, chosen, reads, **rest):
        if pool.title == first.title:
            raise RuntimeError("what nobody foresaw")
        return real(pool, chosen, reads, **rest)

    monkeypatch.setattr(quantity_decisions, "decide", poisoned)
    clicked = harness.do(
        harness.process.service.decide_all(report.token, ANN, "listed", safe_only=False)
    )
    harness.process.context.requests.notify()
    harness.advance(700)
    lines = {line.title: line for line in receipt(harness, clicked).lines}
    assert sorted(line.done for line in lines.values()) == [False, True]
    assert lines[first.title].why == decider.INTERNAL_ERROR
    assert_conserved(harness)


def disarmed(harness):
    """Return the service of a process that will not die any more."""
    if harness.process is None or harness.process.fuse.blown:
        harness.kill()
        harness.start()
    harness.process.fuse.left = None
    return harness.process.service


@pytest.mark.parametrize("point", [*range(1, 20, 2), *range(20, 70, 5)])
def test_a_crash_at_any_point_of_a_night_loses_nothing(build_harness, point):
    """In the middle of the export, the comparison, the report, or a fix: it goes on."""
    harness = differing(build_harness)
    asked = harness.do(harness.process.service.check("ann"))
    harness.process.fuse.left = point
    harness.process.context.requests.notify()
    harness.advance(500)
    service = disarmed(harness)
    report = harness.do(service.report(asked.id))
    assert report.state is ReportState.DONE
    found = harness.do(service.question("differs", found_subject(harness)))
    harness.do(service.decide(found.token, Choice.USE_SOURCE, ANN, "listed"))
    harness.process.fuse.left = point % 12
    harness.process.context.requests.notify()
    harness.advance(120)
    service = disarmed(harness)
    assert stock(harness) == {"eu": 50, "us": 50}
    assert_conserved(harness)
    told = harness.rows("SELECT kind, facts FROM notification WHERE kind IN ('report', 'decided')")
    assert [row["kind"] for row in told if '"check"' in row["facts"]] == ["report"]
    assert len([row for row in told if row["kind"] == "decided"]) == 1


def test_a_buffer_set_meanwhile_stops_a_fix_that_would_write_other_numbers(build_harness):
    """What is written is what was on the button, or nothing."""
    harness = differing(build_harness)
    (found,) = proposals(harness, harness.do(harness.process.service.drift("ann")))
    pools = [
        row["pool_id"] for row in harness.rows("SELECT pool_id FROM level WHERE NOT baselined")
    ]
    harness.do(harness.process.service.set_buffer(pools[:1], 5, "us", BOB))
    clicked = decide(harness, found, Choice.USE_SOURCE)
    (line,) = receipt(harness, clicked).lines
    assert (line.done, line.why) == (False, quantity_decisions.NUMBERS_CHANGED)
    assert stock(harness) == {"eu": 50, "us": 30}
    newer = harness.do(harness.process.service.question("differs", found_subject(harness)))
    decide(harness, newer, Choice.USE_SOURCE)
    assert stock(harness) == {"eu": 50, "us": 45}
    assert_conserved(harness)


def test_people_set_the_hour_of_nights(build_harness):
    """It counts without a restart; nights that would have begun before were not missed."""
    harness = build_harness(items=2, config=DEAF, opened=True)
    service, otherwise = harness.process.service, time(2, 30)
    harness.do(service.remember_first_start())
    harness.rest(3 * 3600)

    def set_hour(at):
        harness.do(service.set_preferences({"nightly": hour_text(at)}, ANN))

    def asked():
        return harness.do(service.request_nightly_report(otherwise, UTC)) is not None

    now = harness.clock.now()
    set_hour((now - timedelta(hours=1)).time())
    assert not asked(), "a comparison in the middle of the day, because somebody set another hour"
    later = (now + timedelta(hours=1)).time().replace(microsecond=0, second=0)
    set_hour(later)
    assert harness.do(service.night_begins(otherwise)) == later
    assert not asked()
    harness.rest(3600)
    assert asked()
    assert not asked(), "a date has one night"
    set_hour(None)
    assert harness.do(service.night_begins(otherwise)) == otherwise


def test_an_hour_that_cannot_be_read_is_the_settings():
    """A row that somebody has damaged must not end the nights."""
    assert [hour_of(each) for each in (None, "", "null", "7", '"25:00"', "{", '"02:15Z"')] == [
        *[None] * 6,
        time(2, 15),
    ]
