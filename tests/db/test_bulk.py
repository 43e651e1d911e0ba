"""One choice for thousands: bounded steps, one receipt, and sums of all its lines."""

import os
import time

from sqlalchemy import insert

from sync_core.clock import RandomIds, WallClock
from sync_core.db.tables import FINDING
from sync_core.domain.bulk_decisions import FOR_ALL, BulkChoice
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    Option,
    Person,
    ProposalKind,
    ReportKind,
    Write,
)
from sync_core.ports import Draft, ReportRequest
from sync_core.service.service import Service
from tests.db.conftest import NOON, after

MANY = int(os.environ.get("TIPO_MANY", "1200"))  # more than one part, and than a receipt lists
REPORT = "report"
ANN = Person(team="T1", id="U1", name="ann")
OPTIONS = tuple(
    Option(
        choice=choice,
        words="Use eu: 50",
        target=50,
        writes=(Write(store="us", before=40, after=50),),
    )
    for choice in FOR_ALL
)


class Still(WallClock):
    """A clock that stands."""

    def now(self):
        return after(1)


def furnish(tx):
    """Make a report with so many open proposals."""
    number, _ = tx.reports.request(ReportRequest(kind=ReportKind.CHECK, token=REPORT), now=NOON)
    row = {"kind": "differs", "facts": {}, "severity": "warning", "opened_at": NOON}
    tx.run(insert(FINDING), [{**row, "subject": f"level:{n}"} for n in range(MANY)])
    some = tx.findings.page(limit=MANY)
    drafts = [
        Draft(
            kind=ProposalKind.FIX,
            finding=each.id,
            title="Slim Fit Denim Jacket",
            options=OPTIONS,
            recommended=Choice.USE_SOURCE,
            facts={"store": "us", "level": each.id, "saw": {"1": 40}, "shared": None},
        )
        for each in some
    ]
    kept = [(each, f"token {at}") for at, each in enumerate(drafts)]
    tx.proposals.propose(kept, report=number, now=NOON, expires_at=after(3600))
    tx.reports.finish(number, now=NOON, summary={})


async def test_thousands_are_previewed_and_decided_in_bounded_steps(database):
    """Slack waits for seconds at most, and nobody else waits for the database."""
    await database.transaction(furnish)
    service = Service(database, {}, Still(), RandomIds())
    began = time.monotonic()
    _, previews = await service.preview(REPORT, [BulkChoice(choice=each) for each in FOR_ALL])
    seen = time.monotonic()
    assert [each.taken for each in previews] == [MANY] * 3
    assert previews[0].changes["us"].up == 10 * MANY
    chosen = BulkChoice(choice=Choice.USE_SOURCE, upto=previews[0].upto)
    clicked = await service.decide_bulk(REPORT, chosen, {}, ANN, "listed")
    decided = time.monotonic()
    assert clicked.taken == MANY
    receipt = await service.receipt(clicked.receipt)
    assert receipt.sums == (MANY, 0, 0)
    assert receipt.running

    def carry_out(tx):
        for at, each in enumerate(tx.proposals.approved(now=after(2), limit=MANY)):
            result = DecisionResult(done=at > 0, why="" if at else "moved", moved=-3)
            assert tx.proposals.close(each.proposal.id, result=result)

    await database.transaction(carry_out)
    receipt = await service.receipt(clicked.receipt)
    assert receipt.sums == (MANY, MANY - 1, 3 * (MANY - 1))
    assert len(receipt.lines) <= 1000
    assert not receipt.running
    print(f"{MANY}: preview {seen - began:.2f} s, decision {decided - seen:.2f} s")  # noqa: T201


async def test_of_two_choices_for_thousands_one_takes_each(database):
    """The second finds nothing left, and says who was faster."""
    await database.transaction(furnish)
    service = Service(database, {}, Still(), RandomIds())
    bob = Person(team="T1", id="U2", name="bob")
    one = await service.decide_bulk(REPORT, BulkChoice(choice=FOR_ALL[0]), {}, ANN, "listed")
    two = await service.decide_bulk(REPORT, BulkChoice(choice=FOR_ALL[1]), {}, bob, "listed")
    assert (one.taken, two.taken) == (MANY, 0)
    assert len(await service.receipts()) == 1
