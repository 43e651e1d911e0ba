"""What people decide, once each: whoever clicks, however often, from how many processes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from sync_core.db.tables import EFFECT, PROPOSAL, RECEIPT, ProposalRow
from sync_core.domain.decisions import Effect, JoinedLevel
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    ProposalKind,
    ProposalState,
    ReportKind,
    Write,
)
from sync_core.ports import Draft, ReportRequest
from tests.db.conftest import NOON, after
from tests.db.proposal_helpers import ANN, BOB, at_once, decide, find, propose, signed, states

OPEN, APPROVED = ProposalState.OPEN, ProposalState.APPROVED
DISMISSED, DONE = ProposalState.DISMISSED, ProposalState.DONE


def count(database, table):
    return len(database.run(lambda tx: tx.run(select(table.c.id)).all()))


# -- once


def test_ten_people_decide_one_proposal_and_one_has_decided(furnished, database_url):
    """A double click, or two people: one receipt, and nobody else's signature."""
    [number] = propose(furnished, find(furnished))

    async def click(database, turn):
        by = replace(ANN, id=f"U{turn}")
        choices = {number: (Choice.USE_SOURCE, None)}
        return await database.transaction(
            lambda tx: tx.proposals.decide(signed(by), choices, now=after(1))
        )

    answers = at_once(database_url, 10, click)
    [receipt] = [each for each, taken in answers if taken]
    assert sorted(taken for _, taken in answers) == [0] * 9 + [1]
    assert [each for each, taken in answers if not taken] == [None] * 9
    assert count(furnished, RECEIPT) == 1
    proposal = furnished.run(lambda tx: tx.proposals.get(number))
    assert (proposal.state, proposal.receipt) == (APPROVED, receipt)
    assert proposal.by.id == furnished.run(lambda tx: tx.receipts.get(receipt)).by.id


def test_many_people_who_decide_overlapping_proposals_share_them(furnished, database_url):
    """Approve all, and a click on one of them: each is decided once."""
    numbers = propose(furnished, *(find(furnished, f"level:{n}") for n in range(6)))

    async def click(database, turn):
        mine = numbers if turn % 2 else [numbers[turn]]
        choices = dict.fromkeys(mine, (Choice.USE_SOURCE, None))
        return await database.transaction(
            lambda tx: tx.proposals.decide(signed(), choices, now=after(1))
        )

    answers = at_once(database_url, 6, click)
    assert sum(taken for _, taken in answers) == 6
    assert count(furnished, RECEIPT) == sum(1 for _, taken in answers if taken)
    assert states(furnished, *numbers) == [APPROVED] * 6


def test_a_receipt_is_undone_once(furnished, database_url):
    """Two people ask, both confirm: one delta."""
    [number] = propose(furnished, find(furnished))
    receipt, _ = decide(furnished, number)
    questions = propose(furnished, None, None, None, None, kind=ProposalKind.UNDO)

    async def confirm(database, turn):
        sign = signed(BOB, Choice.CONFIRM, kind=ProposalKind.UNDO, undoes=receipt)
        choices = {questions[turn]: (Choice.CONFIRM, None)}
        return await database.transaction(
            lambda tx: tx.proposals.decide(sign, choices, now=after(2))
        )

    answers = at_once(database_url, 4, confirm)
    assert sorted(taken for _, taken in answers) == [0, 0, 0, 1]
    [undone_by] = [each for each, taken in answers if taken]
    found = furnished.run(lambda tx: tx.receipts.get(receipt))
    assert (found.undone_by, count(furnished, RECEIPT)) == (undone_by, 2)
    assert sorted(states(furnished, *questions)) == ["approved", "open", "open", "open"]


def test_several_processes_propose_about_one_finding_and_one_is_open(furnished, database_url):
    """Two reports at once: the newer outdates the older, and neither falls over."""
    finding = find(furnished)

    async def work(database, turn):
        draft = [(Draft(kind=ProposalKind.FIX, finding=finding), f"t{turn}")]
        await database.transaction(
            lambda tx: tx.proposals.propose(draft, report=None, now=NOON, expires_at=after(9))
        )

    at_once(database_url, 5, work)
    found = furnished.run(lambda tx: tx.run(select(PROPOSAL.c.state)).scalars().all())
    assert sorted(found) == ["open"] + ["outdated"] * 4


def test_the_database_itself_allows_one_open_proposal_per_finding(furnished):
    """Whatever the code does."""
    finding = find(furnished)
    propose(furnished, finding)
    row = ProposalRow(
        token="x", kind="fix", finding_id=finding, facts={}, options=(),  # noqa: S106
        opened_at=NOON, expires_at=NOON,
    ).model_dump(exclude={"id"})  # fmt: skip
    with pytest.raises(IntegrityError):
        furnished.run(lambda tx: tx.run(insert(PROPOSAL).values(row)))


def test_what_is_decided_is_carried_out_by_one(furnished, database_url):
    """Several processes hold it before they act: a doubled undo would invent units."""
    [number] = propose(furnished, find(furnished))
    decide(furnished, number)
    acted = []

    async def carry_out(database, turn):
        def work(tx):
            if tx.proposals.lock(number):
                acted.append(turn)
                tx.proposals.close(number, result=DecisionResult(done=True))

        await database.transaction(work)

    at_once(database_url, 5, carry_out)
    assert len(acted) == 1
    assert states(furnished, number) == [DONE]


# -- and not at all


def test_what_has_expired_cannot_be_decided(furnished):
    """Nobody has noted it yet, but its time is over."""
    [number] = propose(furnished, find(furnished), until=60)
    assert decide(furnished, number, at=60) == (None, 0)
    assert (states(furnished, number), count(furnished, RECEIPT)) == ([OPEN], 0)
    assert furnished.run(lambda tx: tx.proposals.expire(now=after(59))) == 0
    assert furnished.run(lambda tx: tx.proposals.expire(now=after(60))) == 1
    assert states(furnished, number) == [ProposalState.EXPIRED]


def test_a_proposal_may_be_decided_until_it_expires(furnished):
    [number] = propose(furnished, find(furnished), until=60)
    assert decide(furnished, number, at=59)[1] == 1
    assert furnished.run(lambda tx: tx.proposals.expire(now=after(99))) == 0


def test_what_is_outdated_cannot_be_decided(furnished):
    """A newer report has other numbers."""
    finding = find(furnished)
    [old] = propose(furnished, finding)
    [new] = propose(furnished, finding)
    assert decide(furnished, old) == (None, 0)
    assert states(furnished, old, new) == [ProposalState.OUTDATED, OPEN]
    assert furnished.run(lambda tx: tx.proposals.open_about(finding)).id == new


def test_a_finding_that_closes_takes_its_question_along(furnished):
    """Nobody should be asked about what is gone."""
    finding = find(furnished)
    [number] = propose(furnished, finding)
    assert furnished.run(lambda tx: tx.findings.close([finding], now=NOON)) == 1
    assert states(furnished, number) == [ProposalState.OUTDATED]
    assert furnished.run(lambda tx: tx.findings.close([finding], now=NOON)) == 0


@pytest.mark.parametrize("first", [Choice.DISMISS, Choice.USE_SOURCE])
def test_some_may_be_dismissed_and_others_approved_in_one_breath(furnished, first):
    """Each is what was chosen for it, whichever comes first."""
    numbers = propose(furnished, *(find(furnished, f"level:{n}") for n in range(3)))
    choices = {
        numbers[0]: (Choice.DISMISS, None),
        numbers[1]: (Choice.USE_SOURCE, None),
        numbers[2]: (Choice.USE_NUMBER, 7),
    }
    receipt, taken = furnished.run(
        lambda tx: tx.proposals.decide(signed(choice=first), choices, now=after(1))
    )
    assert (taken, states(furnished, *numbers)) == (3, [DISMISSED, APPROVED, APPROVED])
    due = furnished.run(lambda tx: tx.proposals.approved(now=after(1), limit=9))
    assert [(each.proposal.id, each.number, each.receipt) for each in due] == [
        (numbers[1], None, receipt),
        (numbers[2], 7, receipt),
    ]
    assert furnished.run(lambda tx: tx.receipts.unnotified()) == []
    for each in numbers[1:]:
        furnished.run(lambda tx, n=each: tx.proposals.close(n, result=DecisionResult(done=True)))
    assert furnished.run(lambda tx: tx.receipts.unnotified()) == [receipt]


def test_a_dismissal_needs_no_telling_but_keeps_its_receipt(furnished):
    """The message itself says who wanted none of it."""
    [number] = propose(furnished, find(furnished))
    receipt, _ = decide(furnished, number, choice=Choice.DISMISS)
    assert states(furnished, number) == [DISMISSED]
    assert furnished.run(lambda tx: tx.receipts.unnotified()) == []
    assert furnished.run(lambda tx: tx.receipts.get(receipt)).running is False


def test_deciding_nothing_leaves_no_receipt(furnished):
    assert decide(furnished) == (None, 0)
    assert decide(furnished, 99) == (None, 0)
    assert count(furnished, RECEIPT) == 0


# -- on the way


def test_a_proposal_that_waits_comes_back_when_its_time_has_come(furnished):
    [number] = propose(furnished, find(furnished))
    receipt, _ = decide(furnished, number)
    put_off = {"until": after(30), "why": "us does not answer", "since": after(7)}
    furnished.run(lambda tx: tx.proposals.postpone(number, **put_off))
    assert furnished.run(lambda tx: tx.proposals.approved(now=after(29), limit=9)) == []
    assert furnished.run(lambda tx: tx.proposals.next_approved()) == after(30)
    assert len(furnished.run(lambda tx: tx.proposals.approved(now=after(30), limit=9))) == 1
    found = furnished.run(lambda tx: tx.receipts.get(receipt))
    assert (found.running, found.lines[0].why) == (True, "us does not answer")
    [again] = furnished.run(lambda tx: tx.proposals.approved(now=after(30), limit=9))
    assert again.proposal.result.since == after(7)  # patience counts from there


def test_what_is_done_is_done_once_and_told_once(furnished):
    """Its result is not changed by whoever comes late."""
    [number] = propose(furnished, find(furnished))
    receipt, _ = decide(furnished, number)
    writes = (Write(store="us", before=47, after=50),)
    result = DecisionResult(done=True, moved=3, writes=writes)
    assert furnished.run(lambda tx: tx.proposals.close(number, result=result))
    assert not furnished.run(lambda tx: tx.proposals.close(number, result=DecisionResult()))
    late = {"until": after(1), "why": "late", "since": after(1)}
    furnished.run(lambda tx: tx.proposals.postpone(number, **late))
    assert furnished.run(lambda tx: tx.proposals.next_approved()) is None
    [line] = furnished.run(lambda tx: tx.receipts.get(receipt)).lines
    assert (line.done, line.moved, line.writes) == (
        True,
        3,
        (Write(store="us", before=47, after=50),),
    )
    assert furnished.run(lambda tx: tx.receipts.unnotified()) == [receipt]
    assert furnished.run(lambda tx: tx.receipts.mark_notified(receipt))
    assert not furnished.run(lambda tx: tx.receipts.mark_notified(receipt))
    assert furnished.run(lambda tx: tx.receipts.unnotified()) == []


def test_an_effect_comes_back_whole(furnished):
    """Taking it back needs all of it; sums need it by pool."""
    [number] = propose(furnished, find(furnished))
    receipt, _ = decide(furnished, number)
    effect = Effect(
        pool=1,
        level=2,
        moved=-3,
        joined=(JoinedLevel(level=2, level_baseline=4, written=-5),),
        buffer_before=2,
        founded=True,
    )
    inverse = Effect(pool=1, level=2, moved=1)
    for each in (effect, inverse):
        furnished.run(lambda tx, e=each: tx.receipts.save_effect(receipt, number, e, 47, now=NOON))
    assert furnished.run(lambda tx: tx.receipts.effects(receipt)) == [effect, inverse]
    assert count(furnished, EFFECT) == 2


def test_proposals_are_listed_open_and_safe_ones_first_and_page_by_page(furnished):
    findings = [find(furnished, f"level:{n}") for n in range(5)]
    report = furnished.run(_report)
    plain = propose(furnished, *findings[:3], report=report)
    safe = propose(furnished, *findings[3:], report=report, safe=True)
    decide(furnished, plain[0])

    def page(**given):
        total, some = furnished.run(lambda tx: tx.proposals.of_report(report, **given))
        return total, [each.id for each in some]

    assert page() == (5, [*safe, *plain[1:], plain[0]])
    assert page(offset=1, limit=2) == (5, [safe[1], plain[1]])
    assert page(open_only=True) == (4, [*safe, *plain[1:]])


def test_what_a_receipt_has_not_decided_is_named(furnished):
    """Somebody was faster, or nobody decides it any more; not more than is asked for."""
    one, two, three, four = propose(
        furnished, *(find(furnished, f"level:{n}") for n in range(4)), safe=True
    )
    decide(furnished, one, by=BOB)
    receipt, taken = decide(furnished, one, two)
    assert taken == 1

    def left(receipt, limit=10):
        found = furnished.run(
            lambda tx: tx.proposals.decided_elsewhere([four, three, two, one], receipt, limit=limit)
        )
        return [(each.id, each.by and each.by.id) for each in found]

    assert left(receipt) == [(one, BOB.id), (three, None), (four, None)]
    assert left(receipt, limit=1) == [(one, BOB.id)]
    assert [key for key, _ in left(None)] == [one, two, three, four]


def _report(tx):
    return tx.reports.request(ReportRequest(kind=ReportKind.CHECK, token="r"), now=NOON)[0]  # noqa: S106


def test_a_finding_that_is_muted_is_not_counted_until_then(furnished):
    """Ignore for 30 days."""
    first, second = find(furnished), find(furnished, "level:1")
    furnished.run(lambda tx: tx.findings.mute(first, until=NOON + timedelta(days=30)))
    for day, expected in ((29, 1), (30, 2)):
        now = NOON + timedelta(days=day)
        assert furnished.run(lambda tx, n=now: tx.findings.count(now=n)) == {"differs": expected}
    furnished.run(lambda tx: tx.findings.mute(first, until=None))
    assert furnished.run(lambda tx: tx.findings.count(now=NOON)) == {"differs": 2}
    furnished.run(lambda tx: tx.findings.close([second], now=NOON))
    assert [each.id for each in furnished.run(lambda tx: tx.findings.page())] == [first]


def test_a_state_that_nobody_knows_is_refused(furnished):
    [number] = propose(furnished, find(furnished))
    with pytest.raises(IntegrityError):
        furnished.run(
            lambda tx: tx.run(
                update(PROPOSAL).where(PROPOSAL.c.id == number).values(state="perhaps")
            )
        )
