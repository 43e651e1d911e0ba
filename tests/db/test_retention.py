"""What is too old goes, a slice at a time; what is needed stays, and the equations still hold."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, text, update

from sync_core.db import retention
from sync_core.db.retention import MAX_ROWS_DELETED, RETENTION_PERIODS
from sync_core.db.tables import (
    ADJUSTMENT,
    BATCH,
    DELIVERY,
    EFFECT,
    FINDING,
    LEVEL,
    MOVEMENT,
    NOTIFICATION,
    ORDER_EVENT,
    POST,
    PROPOSAL,
    RECEIPT,
    REPORT,
    SETTLED_SUM,
)
from sync_core.domain.audit import breaches
from sync_core.domain.causes import ORDER_NOT_KEPT
from sync_core.domain.decisions import Effect
from sync_core.domain.proposals import Choice, DecisionResult, ProposalState, ReportKind
from sync_core.domain.values import Event, PoolId
from sync_core.ports import ReportRequest
from tests.db.conftest import NOON, US
from tests.db.proposal_helpers import at_once, decide, find, propose, states

DAY = timedelta(days=1)
CHECK = {"kind": ReportKind.CHECK, "token": "t"}
TABLES = (BATCH, ADJUSTMENT, ORDER_EVENT, DELIVERY, FINDING, NOTIFICATION, PROPOSAL, REPORT, POST)
KEPT_FOR_EVER = (MOVEMENT, RECEIPT, EFFECT)


def tidy(database, now):
    """Delete as the clockwork does; return how many transactions that took."""
    steps = 0
    for keep, forget in RETENTION_PERIODS:
        while database.run(lambda tx, f=forget, k=keep: f(tx.retention, before=now - k)):
            steps += 1
    return steps


def count(database, *tables, where=""):
    def work(tx):
        return {
            each.name: tx.run(text(f"SELECT count(*) FROM {each.name} {where}")).scalar_one()  # noqa: S608
            for each in tables
        }

    return database.run(work)


def assert_equations(database):
    pools = database.run(lambda tx: tx.audit.books(tx.audit.pools_after(PoolId(0), limit=100)))
    assert [breach for each in pools for breach in breaches(each)] == []


def a_day(tx, at, number, levels=(1, 2)):
    """One day of a shop: a sale in eu, written to us; what came, and what a night makes of it."""
    eu, us = levels
    shared = 50 - number - 1
    sold = {"pool_id": 1, "level_id": eu, "level_baseline": 0, "delta": -1, "counted": -1, "at": at}
    tx.run(insert(MOVEMENT).values(**sold, shared=shared, source="webhook"))
    tx.run(update(LEVEL).where(LEVEL.c.id.in_(levels)).values(book=shared))
    tx.run(text("UPDATE pool SET shared = :s").bindparams(s=shared))
    batch = tx.batches.insert_batch(US, f"key {number}", b"x" * 100, [(us, -1, 0)], now=at)
    over = tx.batches.close(batch, "settled", now=at)
    tx.batches.close_adjustments([each.id for each in over], "settled", now=at)
    order_event = {
        "store": "eu",
        "kind": "sale",
        "ref": number,
        "line": 1,
        "order_id": number,
        "at": at,
    }
    tx.run(insert(ORDER_EVENT).values(**order_event, name=f"#{number}", variant_id=1, quantity=1))
    hook = {"store": "eu", "webhook_id": f"w{number}", "topic": "x", "body": b"x"}
    tx.run(insert(DELIVERY).values(**hook, received_at=at, handled_at=at))
    report, _ = tx.reports.request(
        ReportRequest(kind=ReportKind.NIGHT, token=f"n{number}", night=f"{at:%Y-%m-%d}"), now=at
    )
    tx.reports.finish(report, now=at)
    events = Event(kind="store_blocked", subject=f"store:{number}")
    tx.notifications.notify([events], now=at)
    tx.notifications.notify(
        [Event(kind=events.kind, subject=events.subject, resolved=True)], now=at + DAY / 2
    )
    post = {"key": f"report:{report}", "number": number, "channel": "C", "body": {}, "due_at": at}
    tx.run(insert(POST).values(**post, version=1, sent=1, kind="report"))


def test_after_a_year_the_database_grows_no_more_and_the_equations_hold(furnished, monkeypatch):
    """Two years of nights, each fourth of them: from day 400 on each table stays as it is."""
    monkeypatch.setattr(retention, "MAX_ROWS_DELETED", 20)  # a year of one level is few rows
    finding = find(furnished)
    sizes = {}
    for number in range(200):
        at = NOON + number * 4 * DAY
        furnished.run(lambda tx, at=at, n=number: a_day(tx, at, n))
        propose(furnished, finding, at=at)  # each night asks anew
        if number % 10 == 9:
            tidy(furnished, at)
            sizes[number] = count(furnished, *TABLES)
            assert_equations(furnished)
    assert sizes[199] == sizes[109], sizes
    assert sizes[199] == {
        "batch": 101 + 1,  # the one that is open
        "adjustment": 101,
        "order_event": 101,
        "delivery": 2,
        "finding": 101 + 1,  # what stands
        "notification": 32,
        "proposal": 16,
        "report": 101,
        "post": 16,
    }
    bodies = count(furnished, BATCH, where="WHERE length(body) > 0")
    assert bodies["batch"] == 2 + 1, "a week of bodies, and the one that is open"
    assert count(furnished, MOVEMENT, SETTLED_SUM) == {"movement": 200, "settled_sum": 1}
    assert furnished.run(lambda tx: tx.run(text("SELECT delta FROM settled_sum")).scalar()) == (
        101 - 200
    )


def test_what_is_needed_is_kept_however_old(furnished):
    """An open batch, what stands, an open question, a decision and what it was about."""

    def old(tx):
        tx.batches.insert_batch(US, "open", b"bytes", [(2, -5, 0)], now=NOON)
        hook = {"store": "eu", "webhook_id": "w", "topic": "x", "body": b"x"}
        tx.run(insert(DELIVERY).values(**hook, received_at=NOON))

    furnished.run(old)
    standing, decided_on = find(furnished, "level:1"), find(furnished, "level:2")
    (question,) = propose(furnished, standing)
    report, _ = furnished.run(lambda tx: tx.reports.request(ReportRequest(**CHECK), now=NOON))
    (fix,) = propose(furnished, decided_on, report=report)
    receipt, _ = decide(furnished, fix)
    furnished.run(lambda tx: tx.proposals.close(fix, result=DecisionResult(done=True)))
    effect = Effect(pool=1, level=2, moved=-3, joined=(), buffer_before=None, founded=False)
    furnished.run(lambda tx: tx.receipts.save_effect(receipt, fix, effect, 47, now=NOON))
    furnished.run(lambda tx: tx.findings.close([decided_on], now=NOON))
    furnished.run(lambda tx: tx.reports.finish(report, now=NOON))
    tables = (*TABLES, *KEPT_FOR_EVER)
    before = count(furnished, *tables)
    tidy(furnished, NOON + 3000 * DAY)
    assert count(furnished, *tables) == before
    assert count(furnished, BATCH, where="WHERE length(body) > 0") == {"batch": 2}
    assert states(furnished, question, fix) == [ProposalState.OPEN, ProposalState.DONE]
    assert furnished.run(lambda tx: tx.receipts.effects(receipt)) == [effect], "it can be undone"
    assert furnished.run(lambda tx: tx.receipts.get(receipt)).lines[0].choice is Choice.USE_SOURCE


@pytest.mark.parametrize(
    ("days", "left"),
    [(6, 1), (8, 0)],
    ids=["within a week", "after a week"],
)
def test_a_closed_batch_keeps_its_row_and_loses_its_bytes(furnished, days, left):
    """The export still names its key; nobody sends it again."""
    furnished.run(lambda tx: a_day(tx, NOON, 0))
    tidy(furnished, NOON + days * DAY)
    both = count(furnished, BATCH, ADJUSTMENT)
    assert both == {"batch": 2, "adjustment": 1}
    assert count(furnished, BATCH, where="WHERE length(body) > 0")["batch"] == left + 1


def test_notices_that_a_face_has_not_seen_yet_wait_for_it(furnished):
    """Slack may be away for long: what nobody was told is not forgotten."""
    for number in range(4):
        furnished.run(
            lambda tx, n=number: tx.notifications.notify_once(
                [Event(kind="x", subject=f"{n}")], now=NOON
            )
        )
    furnished.run(lambda tx: tx.settings.set("cursors", '{"notices": 2}'))
    tidy(furnished, NOON + 61 * DAY)
    assert count(furnished, NOTIFICATION) == {"notification": 2}
    furnished.run(lambda tx: tx.settings.set("cursors", None))
    tidy(furnished, NOON + 61 * DAY)
    assert count(furnished, NOTIFICATION) == {"notification": 0}, (
        "where there is no face, age decides"
    )


def test_preflights_and_looks_go_after_a_week_but_not_what_was_decided_on(furnished):
    """A receipt may still name the report."""
    kinds = (ReportKind.CHECK, ReportKind.DRIFT, ReportKind.PREFLIGHT)
    numbers = {}
    for kind in kinds:
        wish = ReportRequest(kind=kind, token=kind.value)
        numbers[kind], _ = furnished.run(lambda tx, w=wish: tx.reports.request(w, now=NOON))
        furnished.run(lambda tx, n=numbers[kind]: tx.reports.finish(n, now=NOON))
    tidy(furnished, NOON + 8 * DAY)
    assert count(furnished, REPORT) == {"report": 3}
    tidy(furnished, NOON + 8 * DAY + DAY / 24)
    rows = furnished.run(lambda tx: tx.run(text("SELECT kind FROM report")).all())
    assert [row.kind for row in rows] == ["check"]


def test_each_transaction_deletes_a_slice(furnished, monkeypatch):
    """Nobody waits for the tidying: a sale comes in between."""
    monkeypatch.setattr(retention, "MAX_ROWS_DELETED", 10)
    for number in range(45):
        at = NOON + timedelta(seconds=number)
        furnished.run(lambda tx, at=at, n=number: tx.notifications.notify_once(
            [Event(kind="x", subject=f"{n}")], now=at))  # fmt: skip
    assert tidy(furnished, NOON + 61 * DAY) == 5
    assert MAX_ROWS_DELETED <= 1000


def test_two_processes_that_tidy_at_once_count_each_adjustment_once(furnished, database_url):
    """What is deleted is added to the sum by whoever deleted it."""
    for number in range(40):
        furnished.run(lambda tx, n=number: a_day(tx, NOON + n * DAY, n))

    async def forget(database, _turn):
        before = NOON + 1000 * DAY
        return await database.transaction(lambda tx: tx.retention.forget_adjustments(before=before))

    assert sum(at_once(database_url, 4, forget)) == 39, "the newest keeps its number taken"
    assert_equations(furnished)


def write_in_vain(database, key):
    """A newer adjustment, that came to nothing: the newest of all is never deleted."""

    def work(tx):
        batch = tx.batches.insert_batch(US, key, b"x", [(2, -1, 0)], now=NOON)
        over = tx.batches.close(batch, "refused", now=NOON)
        tx.batches.close_adjustments([each.id for each in over], "replaced", now=NOON)

    database.run(work)


def test_a_new_meeting_begins_with_no_sum(furnished):
    """The level's book begins anew, and what was settled before says nothing of it."""
    furnished.run(lambda tx: a_day(tx, NOON, 0))
    write_in_vain(furnished, "k1")
    furnished.run(lambda tx: tx.retention.forget_adjustments(before=NOON + DAY))
    furnished.run(lambda tx: tx.run(update(LEVEL).values(level_baseline=1, first_book=49)))
    assert_equations(furnished)
    batch = furnished.run(
        lambda tx: tx.batches.insert_batch(US, "k2", b"x", [(2, -1, 1)], now=NOON)
    )
    over = furnished.run(lambda tx: tx.batches.close(batch, "settled", now=NOON))
    furnished.run(lambda tx: tx.batches.close_adjustments([over[0].id], "settled", now=NOON))
    furnished.run(lambda tx: tx.run(update(LEVEL).where(LEVEL.c.id == 2).values(book=48)))
    write_in_vain(furnished, "k3")
    furnished.run(lambda tx: tx.retention.forget_adjustments(before=NOON + DAY))
    assert_equations(furnished)
    assert count(furnished, SETTLED_SUM) == {"settled_sum": 1}


def test_an_old_movement_does_not_claim_that_there_was_no_order(furnished):
    """Its order is no longer kept, which is another thing."""
    furnished.run(lambda tx: a_day(tx, NOON, 0))
    furnished.run(lambda tx: a_day(tx, NOON + 500 * DAY, 1))
    ledger_of = lambda: furnished.run(lambda tx: tx.views.history(1, limit=9))  # noqa: E731
    assert [each.cause for each in ledger_of() if each.kind == "movement"][1:] == [
        "changed in the store"
    ]
    tidy(furnished, NOON + 500 * DAY)
    assert [each.cause for each in ledger_of() if each.kind == "movement"] == [
        ORDER_NOT_KEPT,
        "changed in the store",
    ]


def test_a_claim_that_passes_is_forgotten_after_a_week_and_a_lasting_one_never(furnished):
    """A channel is welcomed once, however long ago; a message is not sent again after days."""

    def claim(name, after):
        lasting, at = name.startswith("welcome"), NOON + after * DAY
        return furnished.run(lambda tx: tx.settings.claim(name, lasting=lasting, now=at))

    for name in ("message:C1:1.1", "welcome:C1"):
        assert claim(name, 0)
        assert not claim(name, 1)
    tidy(furnished, NOON + 6 * DAY)
    assert not claim("message:C1:1.1", 6)
    tidy(furnished, NOON + 8 * DAY)
    assert claim("message:C1:1.1", 8)
    assert not claim("welcome:C1", 800)
