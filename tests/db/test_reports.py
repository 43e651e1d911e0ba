"""One comparison at a time, one report a night, and each made by whoever holds it."""

import pytest

from sync_core.domain.proposals import (
    Asker,
    ProposalKind,
    ProposalState,
    ReportFacts,
    ReportKind,
    ReportState,
    Worst,
)
from sync_core.domain.values import Event
from sync_core.ports import Draft, ReportRequest
from tests.db.conftest import NOON, after
from tests.db.proposal_helpers import at_once, decide, find, propose, states

CHECK, NIGHT, DRIFT = ReportKind.CHECK, ReportKind.NIGHT, ReportKind.DRIFT
BASELINE, PREFLIGHT = ReportKind.BASELINE, ReportKind.PREFLIGHT


def want(database, token, kind=CHECK, at=0, **rest):
    wish = ReportRequest(kind=kind, token=token, **rest)
    return database.run(lambda tx: tx.reports.request(wish, now=after(at)))


def finish(database, number, at=10, **rest):
    database.run(lambda tx: tx.reports.finish(number, now=after(at), **rest))


def claim(database, at=0, until=60):
    found = database.run(lambda tx: tx.reports.claim(now=after(at), until=after(until)))
    return None if found is None else found.id


@pytest.mark.parametrize("second", [CHECK, PREFLIGHT])
@pytest.mark.parametrize("first", [CHECK, NIGHT, PREFLIGHT])
def test_while_stores_are_compared_whoever_asks_gets_that_report(furnished, first, second):
    """Not another one, and never an older one that is over; also before it has begun."""
    old, _ = want(furnished, "old")
    finish(furnished, old)
    drift, _ = want(furnished, "drift", DRIFT)
    night = "2026-11-23" if first is NIGHT else None
    running, is_new = want(furnished, "first", first, night=night)
    assert is_new
    assert want(furnished, "second", second) == (running, False)
    finish(furnished, drift)
    assert claim(furnished) == running
    assert want(furnished, "third", second) == (running, False)


def test_a_night_has_one_report_even_when_it_is_over(furnished):
    """Several processes ask at the same minute, and some are late."""
    first, is_new = want(furnished, "a", NIGHT, night="2026-11-23")
    assert is_new
    finish(furnished, first, why_failed="the store is down")
    assert want(furnished, "b", NIGHT, night="2026-11-23") == (first, False)
    want(furnished, "c")
    assert want(furnished, "d", NIGHT, night="2026-11-23") == (first, False)


@pytest.mark.parametrize("kind", [CHECK, PREFLIGHT, NIGHT])
@pytest.mark.parametrize("failed", ["", "us is down"], ids=["done", "failed"])
def test_a_night_that_finds_a_comparison_under_way_runs_after_it(furnished, kind, failed):
    """Somebody checks at half past two: the night is late, and not left out."""
    before = "2026-11-22" if kind is NIGHT else None
    running, _ = want(furnished, "first", kind, night=before)
    assert claim(furnished, at=1, until=60) == running
    night, is_new = want(furnished, "night", NIGHT, at=2, night="2026-11-23")
    assert (is_new, night != running) == (True, True)
    assert want(furnished, "again", NIGHT, at=3, night="2026-11-23") == (night, False)
    assert claim(furnished, at=4, until=90) is None, "one comparison at a time"
    assert furnished.run(lambda tx: tx.reports.next_at()) == after(60), "no idle rounds"
    assert claim(furnished, at=61, until=120) == running, "whoever takes it up again goes first"
    assert want(furnished, "check", at=70) == (running, False)
    finish(furnished, running, at=80, why_failed=failed)
    assert want(furnished, "late", at=81) == (night, False), "nor does a check overtake it"
    assert claim(furnished, at=82, until=150) == night
    assert claim(furnished, at=83, until=150) is None
    finish(furnished, night, at=100)
    assert claim(furnished, at=200) is None
    assert want(furnished, "next", at=201)[1]


def test_a_look_does_not_wait_behind_a_night_that_waits(furnished):
    """Somebody has changed a mode: how far its levels are is asked for while the night waits."""
    running, _ = want(furnished, "check")
    assert claim(furnished) == running
    night, _ = want(furnished, "night", NIGHT, night="2026-11-23")
    meeting, _ = want(furnished, "meeting", BASELINE)
    assert claim(furnished, at=1) == meeting
    finish(furnished, running)
    assert claim(furnished, at=2) == night


def test_of_two_nights_that_wait_one_is_begun(furnished, database_url):
    """Two processes see at the same moment that the way is free."""
    running, _ = want(furnished, "check")
    nights = [want(furnished, d, NIGHT, night=d)[0] for d in ("2026-11-22", "2026-11-23")]
    finish(furnished, running)

    async def take(database, _turn):
        found = await database.transaction(
            lambda tx: tx.reports.claim(now=after(1), until=after(60))
        )
        return None if found is None else found.id

    held = [each for each in at_once(database_url, 6, take) if each is not None]
    assert len(held) == 1
    assert held[0] in nights
    finish(furnished, held[0], at=70)
    (other,) = {*nights} - {*held}
    assert claim(furnished, at=71) == other


def test_a_check_and_a_night_that_begin_together_run_one_after_the_other(furnished, database_url):
    """The night is claimed in the very moment in which somebody asks for a check."""
    night, _ = want(furnished, "night", NIGHT, night="2026-11-23")

    async def both(database, turn):
        if turn % 2:
            found = await database.transaction(
                lambda tx: tx.reports.claim(now=after(1), until=after(60))
            )
            return found and found.id
        wish = ReportRequest(kind=CHECK, token=f"t{turn}")
        return (await database.transaction(lambda tx: tx.reports.request(wish, now=after(1))))[0]

    assert {*at_once(database_url, 6, both)} - {None} == {night}


@pytest.mark.parametrize("kind", [DRIFT, BASELINE])
def test_what_compares_nothing_waits_for_nobody(furnished, kind):
    running, _ = want(furnished, "check")
    first, second = want(furnished, "a", kind), want(furnished, "b", kind)
    assert (first[1], second[1], len({running, first[0], second[0]})) == (True, True, 3)


def test_many_processes_ask_for_a_night_and_one_report_is_made(furnished, database_url):
    async def ask(database, turn):
        wish = ReportRequest(kind=NIGHT, token=f"t{turn}", night="2026-11-23")
        return await database.transaction(lambda tx: tx.reports.request(wish, now=NOON))

    answers = at_once(database_url, 8, ask)
    assert len({number for number, _ in answers}) == 1
    assert sum(is_new for _, is_new in answers) == 1


def test_many_processes_want_work_and_each_report_is_held_by_one(furnished, database_url):
    numbers = [want(furnished, f"t{n}", DRIFT)[0] for n in range(3)]

    async def take(database, _turn):
        found = await database.transaction(
            lambda tx: tx.reports.claim(now=after(1), until=after(60))
        )
        return None if found is None else found.id

    held = [each for each in at_once(database_url, 6, take) if each is not None]
    assert len(held) == len(set(held))
    rest = [claim(furnished, at=2) for _ in range(4)]
    assert sorted([*held, *(each for each in rest if each)]) == numbers


def test_a_report_that_was_left_is_taken_up_after_its_time(furnished):
    """Its process has died in the middle."""
    number, _ = want(furnished, "t")
    assert furnished.run(lambda tx: tx.reports.next_at()) == after(0)
    assert claim(furnished, at=0, until=60) == number
    assert claim(furnished, at=59, until=99) is None
    assert furnished.run(lambda tx: tx.reports.next_at()) == after(60)
    progress = {"eu": "3 of 9"}
    on = {"progress": progress, "until": after(90)}
    assert furnished.run(lambda tx: tx.reports.update(number, ReportState.EXPORTING, **on))
    assert claim(furnished, at=89) is None
    assert claim(furnished, at=90, until=120) == number
    found = furnished.run(lambda tx: tx.reports.get(number))
    assert (found.state, found.progress) == (ReportState.EXPORTING, progress)


def test_a_report_that_is_over_is_nobodys_work(furnished):
    """A holder that comes back late learns so."""
    number, _ = want(furnished, "t")
    finish(furnished, number)
    on = {"until": after(90)}
    assert not furnished.run(lambda tx: tx.reports.update(number, ReportState.READING, **on))
    assert claim(furnished, at=999) is None
    assert furnished.run(lambda tx: tx.reports.next_at()) is None


def test_tries_are_counted_and_the_last_says_why(furnished):
    number, _ = want(furnished, "t")
    claim(furnished)
    for tried in (1, 2):
        given = {"until": after(30), "why": "us is down"}
        assert furnished.run(lambda tx, g=given: tx.reports.postpone(number, **g)) == tried
    assert claim(furnished, at=29) is None
    finish(furnished, number, why_failed="us is down")
    found = furnished.run(lambda tx: tx.reports.get(number))
    assert (found.state, found.why_failed, found.finished_at) == (
        ReportState.FAILED,
        "us is down",
        after(10),
    )
    assert want(furnished, "again")[1], "a failure frees the way"


def test_facts_that_are_added_keep_the_others(furnished):
    number, _ = want(furnished, "t", facts=ReportFacts(reply="C1"))
    furnished.run(lambda tx: tx.reports.keep_question(number, "x"))
    found = furnished.run(lambda tx: tx.reports.by_token("t"))
    assert found.facts == ReportFacts(reply="C1", proposal="x")


def test_a_report_shows_its_worst_and_what_becomes_of_its_proposals(furnished):
    number, _ = want(furnished, "t")
    worst = Worst(title="Jacket", store="us", shows=47, should_show=50)
    summary = {"compared": 2, "worst": [worst], "counts": {"differs": 3}}
    findings = [find(furnished, f"level:{n}") for n in range(4)]
    plain = propose(furnished, *findings[:2], report=number)
    propose(furnished, *findings[2:], report=number, safe=True)
    decide(furnished, plain[0])
    finish(furnished, number, summary=summary)
    found = furnished.run(lambda tx: tx.reports.get(number))
    assert (found.worst, found.counts, found.summary) == (
        (worst,),
        {"differs": 3},
        {"compared": 2},
    )
    assert (found.open, found.safe, found.decided) == (3, 2, 1)


def test_an_older_report_names_the_one_that_took_its_place(furnished):
    """A preflight takes nobody's place, nor does one that is not done."""
    first, _ = want(furnished, "a")
    finish(furnished, first)
    preflight, _ = want(furnished, "p", PREFLIGHT)
    finish(furnished, preflight)
    assert furnished.run(lambda tx: tx.reports.get(first)).newer is None
    second, _ = want(furnished, "b")
    assert furnished.run(lambda tx: tx.reports.get(first)).newer is None
    finish(furnished, second)
    assert furnished.run(lambda tx: tx.reports.get(first)).newer == second
    assert furnished.run(lambda tx: tx.reports.get(second)).newer is None
    last = furnished.run(lambda tx: tx.reports.last_of([CHECK, NIGHT]))
    assert last.id == second
    assert furnished.run(lambda tx: tx.reports.last_of([NIGHT])) is None


ORDERS = [(0, 1), (1, 0)]


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("proposing", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
@pytest.mark.parametrize("ending", ORDERS)
@pytest.mark.parametrize("kinds", [(BASELINE, CHECK), (CHECK, BASELINE), (NIGHT, BASELINE)])
def test_the_newest_report_that_is_done_holds_all_that_is_open(
    furnished, kinds, ending, proposing, looked
):
    """In whatever order two reports are asked for, find, and end."""
    reports = []
    for kind in kinds:
        night = "2026-11-23" if kind is NIGHT else None
        reports.append(want(furnished, kind.value, kind, night=night)[0])
    both, *own = (find(furnished, f"level:{n}") for n in range(4))
    breaker = propose(furnished, own[2], kind=ProposalKind.CIRCUIT_BREAKER)
    for turn in proposing:
        propose(furnished, both, own[turn], report=reports[turn])
    for turn in ending:
        finish(furnished, reports[turn], at=10 + turn)
    if looked:
        look, _ = want(furnished, "look", DRIFT, at=20)
        propose(furnished, both, own[0], report=look)
        finish(furnished, look, at=21)
        assert furnished.run(lambda tx: tx.reports.get(look)).open == 3
        assert furnished.run(lambda tx: tx.proposals.of_report(look))[0] == 3
    older, newest = (furnished.run(lambda tx, n=n: tx.reports.get(n)) for n in reports)
    assert (newest.open, newest.newer) == (3, None)
    assert (older.open, older.newer) == (0, newest.id)
    _, held = furnished.run(lambda tx: tx.proposals.of_report(newest.id, open_only=True))
    assert sorted(each.finding for each in held) == sorted([both, *own[:2]])
    assert furnished.run(lambda tx: tx.proposals.get(breaker[0])).report is None


def test_what_a_later_report_has_open_is_not_taken_from_it(furnished):
    """Its buttons have been drawn: a report that was asked for earlier comes too late."""
    older, newer = want(furnished, "a", BASELINE)[0], want(furnished, "b")[0]
    finding = find(furnished)
    (kept_,) = propose(furnished, finding, report=newer)
    assert propose(furnished, finding, report=older) == []
    assert states(furnished, kept_) == [ProposalState.OPEN]


def test_a_fix_found_anew_goes_to_the_newest_report(furnished):
    """The numbers moved after a click on a report that is outdated by now."""
    older, newer = want(furnished, "a", BASELINE)[0], want(furnished, "b")[0]
    for number in (older, newer):
        finish(furnished, number)
    (fresh,) = propose(furnished, find(furnished), report=older)
    assert furnished.run(lambda tx: tx.proposals.get(fresh)).report == newer


def test_a_look_has_what_was_open_and_what_became_of_it(furnished):
    """It is drawn again after each decision; what came later is another look's affair."""
    held, _ = want(furnished, "check")
    finish(furnished, held)
    first, second, third = (find(furnished, f"level:{n}") for n in range(3))
    decided_before, *open_ones = propose(furnished, first, second, report=held)
    decide(furnished, decided_before, at=5)
    look, _ = want(furnished, "look", DRIFT, at=20)
    finish(furnished, look, at=21)
    drafts = [(Draft(kind=ProposalKind.FIX, finding=third), "later")]
    given = {"report": held, "now": after(30), "expires_at": after(3600)}
    furnished.run(lambda tx: tx.proposals.propose(drafts, **given))
    decide(furnished, *open_ones, at=40)
    found = furnished.run(lambda tx: tx.reports.get(look))
    assert (found.open, found.decided, found.newer) == (0, 1, None)
    assert furnished.run(lambda tx: tx.reports.get(held)).open == 1


def test_whoever_joins_a_comparison_is_remembered_once(furnished):
    """Two clicks of one person are one answer; nobody joins what is over."""
    number, _ = want(furnished, "t", facts=ReportFacts(askers=(Asker(by="U1", reply="a"),)))
    bob = Asker(by="U2", reply="b")
    for _ in range(2):
        assert furnished.run(lambda tx: tx.reports.join(number, bob))
    found = furnished.run(lambda tx: tx.reports.get(number))
    assert found.facts.askers == (Asker(by="U1", reply="a"), bob)
    finish(furnished, number)
    assert not furnished.run(lambda tx: tx.reports.join(number, bob))


def test_new_is_what_this_report_was_the_first_to_find(furnished):
    """What was open before is open still, and no news."""
    old = find(furnished, "level:1")
    number, _ = want(furnished, "t", at=5)
    events = [Event(kind="differs", subject="level:2")]
    furnished.run(lambda tx: tx.notifications.notify(events, now=after(6)))
    [new] = furnished.run(lambda tx: tx.findings.on(["level:2"]))
    propose(furnished, old, new.id, report=number)
    assert furnished.run(lambda tx: tx.reports.count_new(number)) == 1
