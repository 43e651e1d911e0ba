"""What is stored as JSON is a value: also as the versions before wrote it, and where it is odd."""

import json
import logging
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.db.tables import EFFECT, LEASE, LEVEL, PROPOSAL, REPORT, SEAL, VARIANT, WITHHELD
from sync_core.domain.leases import LeaseMark
from sync_core.domain.proposals import (
    Asker,
    Choice,
    DecisionResult,
    Option,
    Person,
    ReportFacts,
    Write,
)
from sync_core.domain.seals import SealedContent, SealedKind
from sync_core.domain.values import Alias, LevelId, Mode
from sync_core.domain.views import BooksView
from sync_core.errors import UnreadableValue
from tests.db.earlier import write_earlier
from tests.db.proposal_helpers import NOON, after, decide, find, propose

EU, US = Alias("eu"), Alias("us")
# Column, what the version before wrote there, and what that is: each as it was stored by then.
STORED = [
    (
        PROPOSAL.c.options,
        (
            '[{"choice": "use_source", "words": "Use eu: 50", "target": 50,'
            ' "writes": [{"store": "us", "before": 47, "after": 50}], "gone": 1}]'
        ),
        (
            Option(
                choice=Choice.USE_SOURCE,
                words="Use eu: 50",
                target=50,
                writes=(Write(store=US, before=47, after=50),),
            ),
        ),
    ),
    (
        PROPOSAL.c.result,
        (
            '{"done": true, "why": "", "moved": 3,'
            ' "writes": [{"store": "us", "before": null, "after": 50}]}'
        ),
        DecisionResult(done=True, moved=3, writes=(Write(store=US, before=None, after=50),)),
    ),
    (
        PROPOSAL.c.result,
        '{"waits": "us is silent", "since": "2026-11-23T12:00:07+00:00"}',
        DecisionResult(waits="us is silent", since=after(7)),
    ),
    (
        REPORT.c.facts,
        (
            '{"mode": "one-way", "source": "eu", "alias": null, "before": {"us": "two-way"},'
            ' "reply": "C1", "person": {"team": "T", "id": "U1", "name": "ann"}, "proposal": "x",'
            ' "operations": {"eu": "gid://1"}}'
        ),
        ReportFacts(
            mode=Mode.ONE_WAY,
            source=EU,
            before={US: Mode.TWO_WAY},
            reply="C1",
            person=Person(team="T", id="U1", name="ann"),
            proposal="x",
            operations={EU: "gid://1"},
        ),
    ),
    (
        REPORT.c.facts,
        '{"askers": [{"by": "U1", "reply": "a"}]}',
        ReportFacts(askers=(Asker(by="U1", reply="a"),)),
    ),
    (REPORT.c.facts, "{}", ReportFacts()),
    (WITHHELD.c.withheld_from, '{"10": 1}', {LevelId(10): 1}),
    (WITHHELD.c.withheld_from, "{}", {}),
    (
        LEASE.c.found,
        '{"instance": "a", "renewal": "b", "at": "2026-11-23T12:00:00+00:00"}',
        LeaseMark(instance="a", renewal="b", at=NOON),
    ),
    (LEASE.c.found, "{}", None),
    (SEAL.c.lines, '{"movements": 7}', {SealedKind.MOVEMENTS: 7}),
    (
        SEAL.c.contents,
        '{"effects": {"rows": 1, "digest": "ab"}}',
        {SealedKind.EFFECTS: SealedContent(rows=1, digest="ab")},
    ),
    (SEAL.c.open, "[5, 8]", (5, 8)),
    (VARIANT.c.options, '[["Size", "M"]]', (("Size", "M"),)),
    (VARIANT.c.barcodes, "[]", ()),
    (VARIANT.c.barcodes, '["123"]', ("123",)),
]


@pytest.fixture
def upgraded(empty_url):
    """The database of the version before the new names, brought up to date."""
    write_earlier(empty_url)
    with closing(SqlDatabase(empty_url)) as database:
        migrate(database.engine)
        yield database


def store(database, column, stored, where="true"):
    """Put a text into a column as it is, past everything that would write it otherwise."""
    table = column.table.name
    query = f"UPDATE {table} SET {column.name} = :stored WHERE {where}"  # noqa: S608
    if database.engine.dialect.name == "postgresql":
        query = query.replace(":stored", "CAST(:stored AS JSON)")
    with database.engine.begin() as connection:
        connection.execute(text(query), {"stored": stored})


@pytest.mark.parametrize(
    ("column", "stored", "value"), STORED, ids=[f"{c} {s[:20]}" for c, s, _ in STORED]
)
def test_what_the_version_before_wrote_is_the_value_that_it_was(column, stored, value, caplog):
    """Unknown fields are passed over, missing ones have their defaults; nobody is warned."""
    database = SqlDatabase("sqlite://")
    with closing(database):
        migrate(database.engine)
        found = column.type.result_processor(database.engine.dialect, None)(stored)
        assert (found, type(found)) == (value, type(value))
    assert not caplog.records


def test_a_value_is_stored_under_the_names_of_before(furnished):
    """A process of the version before may still be running, or come back."""
    [number] = propose(furnished, find(furnished))
    decide(furnished, number)
    writes = (Write(store=US, before=47, after=50),)
    result = DecisionResult(done=True, moved=3, writes=writes)
    furnished.run(lambda tx: tx.proposals.close(number, result=result))
    with furnished.engine.begin() as connection:
        query = text("SELECT CAST(result AS TEXT), CAST(options AS TEXT) FROM proposal")
        kept, options = map(json.loads, connection.execute(query).one())
    assert {name: kept[name] for name in ("done", "why", "moved", "writes")} == {
        "done": True,
        "why": "",
        "moved": 3,
        "writes": [{"store": "us", "before": 47, "after": 50}],
    }
    assert set(options[0]) == {"choice", "words", "target", "writes"}


def test_a_whole_database_of_before_is_read_without_a_word(upgraded, caplog):
    caplog.set_level(logging.WARNING)
    tables = (PROPOSAL, REPORT, WITHHELD, LEASE, SEAL, VARIANT, EFFECT)
    rows = {each.name: upgraded.run(lambda tx, t=each: tx.run(select(t)).all()) for each in tables}
    assert all(rows[each.name] for each in tables if each is not EFFECT)
    baseline, night = upgraded.run(lambda tx: [tx.reports.get(n) for n in (1, 2)])
    assert baseline.facts == ReportFacts(stores=(US,), mode=Mode.TWO_WAY)
    assert (baseline.summary["agreed"], night.counts) == (8, {"missed": 1})
    assert upgraded.run(lambda tx: tx.posts.cursors())["movements"] == 6
    overview = upgraded.run(lambda tx: tx.views.overview(now=NOON))
    assert overview.books == BooksView(at=NOON - timedelta(hours=3), pools=0, wrong=0)
    assert not caplog.records


def test_a_proposal_that_is_odd_holds_up_only_itself(furnished, caplog):
    """It has no choices any more; the others are decided as ever."""
    odd, plain = propose(furnished, find(furnished), find(furnished, "level:1"))
    store(furnished, PROPOSAL.c.options, '[{"choice": "from tomorrow"}]', f"id = {odd}")
    found = {each.id: each for each in furnished.run(lambda tx: tx.proposals.some([odd, plain]))}
    assert (found[odd].options, len(found[plain].options)) == ((), 1)
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert decide(furnished, plain)[1] == 1


def test_half_an_effect_is_never_taken_back(furnished):
    """The person who undoes a receipt is told; to guess would leave a level behind."""
    [number] = propose(furnished, find(furnished))
    receipt, _ = decide(furnished, number)
    level, pool = furnished.run(lambda tx: tx.run(select(LEVEL.c.id, LEVEL.c.pool_id)).first())
    row = {"receipt_id": receipt, "pool_id": pool, "level_id": level, "moved": 3, "at": NOON}
    furnished.run(lambda tx: tx.run(insert(EFFECT).values(**row, facts=None)))
    assert len(furnished.run(lambda tx: tx.receipts.effects(receipt))) == 1
    store(furnished, EFFECT.c.facts, '{"joined": [["x", 1, 2]]}')
    with pytest.raises(UnreadableValue):
        furnished.run(lambda tx: tx.receipts.effects(receipt))
