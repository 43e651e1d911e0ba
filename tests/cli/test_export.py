"""`tipo export`: every row of a range, once, in order, and harmless wherever it is opened."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from sync_core.cli import export
from sync_core.cli.export import COLUMNS, ExportKind, parse_range
from sync_core.cli.runtime import CommandFailed
from sync_core.db.database import SqlDatabase
from sync_core.db.tables import FindingRow, MovementRow, OrderEventRow
from sync_core.domain.values import NEVER
from tests.cli.conftest import all_settled

JACKET = "SFDJ-M"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def table(said):
    return list(csv.DictReader(io.StringIO(said)))


def lines(said):
    return [json.loads(line) for line in said.splitlines()]


def fill(*rows):
    """Put rows into the database that the command line uses."""
    database = SqlDatabase("sqlite:///tipo.db")
    try:
        for table_, values in rows:
            database.run(lambda tx, t=table_, v=values: tx.run(insert(t), v))
    finally:
        database.close()


def movement(number, at, *, delta=-1, level=1, pool=1):
    return {
        "id": number,
        "pool_id": pool,
        "level_id": level,
        "level_baseline": 1,
        "delta": delta,
        "counted": delta,
        "shared": 50,
        "at": at,
        "source": "webhook",
    }


@pytest.fixture
def sold(baselined):
    """Five have been sold in us, and eu has been told."""
    baselined.shops["us"].sell(JACKET, 5)
    baselined.work(all_settled(JACKET, 45))
    return baselined


@pytest.mark.parametrize("what", list(ExportKind))
def test_an_empty_range_is_a_heading_with_every_column(known, what):
    """A program that reads the file by its heading must find it on quiet days, too."""
    said = known("export", what, "--to", "2001-01-01").stdout
    assert said == ",".join(COLUMNS[what]) + "\n"
    assert known("export", what, "--to", "2001-01-01", "--json").stdout == ""


def test_movements_say_who_moved_what(sold):
    (row,) = table(sold("export", "movements").stdout)
    at = datetime.fromisoformat(row.pop("at"))
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=2)
    assert row == {
        "id": "1",
        "store": "us",
        "location_group": "Berlin warehouse",
        "title": "Slim Fit Denim Jacket (M)",
        "handle": "slim-fit-denim-jacket",
        "sku": JACKET,
        "delta": "-5",
        "counted": "-5",
        "shared_after": "45",
        "cause": "changed in the store",
        "source": "refresh",
    }


def test_adjustments_say_what_tipo_wrote(sold):
    (row,) = lines(sold("export", "adjustments", "--json").stdout)
    assert list(row) == list(COLUMNS[ExportKind.ADJUSTMENTS])
    assert (row["store"], row["delta"], row["state"], row["why"]) == ("eu", -5, "settled", "")
    assert row["planned_at"] < row["closed_at"]
    assert row["batch_key"]


def test_a_range_holds_its_first_day_and_its_last(known):
    at = [NOON + timedelta(days=n) for n in range(4)]
    fill((MovementRow, [movement(n + 1, each) for n, each in enumerate(at)]))
    said = known("export", "movements", "--from", "2026-11-24", "--to", "2026-11-25").stdout
    assert [row["at"] for row in table(said)] == [
        "2026-11-24T12:00:00.000Z",
        "2026-11-25T12:00:00.000Z",
    ]
    said = known("export", "movements", "--from", "2026-11-24T13:00+01:00", "--json").stdout
    assert [row["id"] for row in lines(said)] == [2, 3, 4]


def test_pages_lose_and_double_nothing(known, monkeypatch):
    monkeypatch.setattr(export, "PAGE_ROWS", 7)
    fill((MovementRow, [movement(n, NOON + timedelta(seconds=n)) for n in range(1, 40)]))
    said = known("export", "movements").stdout
    assert [row["id"] for row in table(said)] == [str(n) for n in range(1, 40)]
    assert known("export", "movements").stdout == said


@pytest.mark.parametrize("page", [1, 2, 500])
@pytest.mark.parametrize("since", [None, "2026-11-23T12:00:01"])
def test_an_order_explains_one_movement_whatever_page_it_is_on(known, monkeypatch, page, since):
    """Two sales of one unit within a minute are two orders, not the same one twice."""
    monkeypatch.setattr(export, "PAGE_ROWS", page)
    database = SqlDatabase("sqlite:///tipo.db")
    pool = database.run(lambda tx: tx.views.pool_views(tx.views.find_pools(JACKET))[0])
    (variant,) = database.run(lambda tx: tx.run(_variant_of(JACKET)).all())
    database.close()
    act = {"store": "eu", "kind": "sale", "line": 1, "variant_id": variant[0], "quantity": 1}
    acts = [
        {**act, "ref": n, "order_id": n, "name": f"#100{n}", "at": NOON + timedelta(seconds=n)}
        for n in (0, 1)
    ]
    level = next(each.id for each in pool.levels if each.store == "eu")
    moves = [
        movement(n + 1, NOON + timedelta(seconds=n), level=level, pool=pool.id) for n in (0, 1)
    ]
    fill((OrderEventRow, acts), (MovementRow, moves))
    words = () if since is None else ("--from", since)
    causes = [row["cause"] for row in table(known("export", "movements", *words).stdout)]
    assert causes == (["order #1000", "order #1001"] if since is None else ["order #1001"])


def _variant_of(sku):
    from sqlalchemy import select  # noqa: PLC0415

    from sync_core.db.tables import VARIANT  # noqa: PLC0415

    return select(VARIANT.c.variant_id).where(VARIANT.c.sku == sku, VARIANT.c.store == "eu")


def test_findings_have_a_cause_in_words_and_their_end(known):
    facts = {"store": "us", "title": "Cap", "book": 50, "shows": 45, "order": None}
    row = {"subject": "level:1", "severity": "warning", "facts": facts, "opened_at": NOON}
    fill(
        (FindingRow, [{**row, "kind": "missed", "closed_at": NOON + timedelta(hours=1)}]),
        (FindingRow, [{**row, "kind": "odd one", "facts": {}}]),
    )
    first, second = table(known("export", "findings").stdout)
    assert first["cause"].startswith("US dropped 50 → 45; Shopify sent no notification")
    assert (first["opened_at"], first["closed_at"]) == (
        "2026-11-23T12:00:00.000Z",
        "2026-11-23T13:00:00.000Z",
    )
    assert (second["cause"], second["closed_at"], second["title"]) == ("odd one", "", "")


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        pytest.param('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")', id="equals"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\tcap", "'\tcap", id="tab"),
        pytest.param("\rcap", "'\ncap", id="carriage return"),
        pytest.param("\x1b=cap", "'=cap", id="behind a control character"),
        pytest.param('Cap, "red"\nor blue', 'Cap, "red"\nor blue', id="quotes and lines"),
        pytest.param("\x1b[2JCap \x9b", "[2JCap ", id="terminal commands"),
        pytest.param("Cap = hat", "Cap = hat", id="harmless"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_no_text_is_a_formula_and_numbers_stay_numbers(title, cell):
    """A merchant, or a customer of theirs, wrote it; the file is opened in a spreadsheet."""
    (row,) = csv.reader(io.StringIO(export.format_csv_line([title, -5, None, True]), newline=""))
    assert row == [cell, "-5", "", "true"]


def test_a_file_appears_when_it_is_whole(sold, bare):
    (bare / "out.csv").write_text("old")
    said = sold("export", "movements", "--out", "out.csv")
    assert said.stdout == ""
    assert "1 movements written to out.csv" in said.output
    assert (bare / "out.csv").read_text() == sold("export", "movements").stdout
    assert [each.name for each in bare.iterdir() if each.name.endswith(".part")] == []


def test_a_file_that_was_there_stays_when_the_export_fails(sold, bare, monkeypatch):
    (bare / "out.csv").write_text("old")

    def broken(line):
        raise CommandFailed("no more")

    monkeypatch.setattr(export, "_csv_row", broken)
    assert "no more" in sold("export", "movements", "--out", "out.csv", expect=2).output
    assert (bare / "out.csv").read_text() == "old"
    assert not (bare / "out.csv.part").exists()


@pytest.mark.parametrize(
    ("out", "words"),
    [
        pytest.param("nowhere/out.csv", "No such file or directory", id="no such folder"),
        pytest.param(".", "is a folder", id="a folder"),
    ],
)
def test_a_file_that_cannot_be(known, out, words):
    assert words in known("export", "movements", "--out", out, expect=2).output


@pytest.mark.parametrize(
    "word", ["yesterday", "2026-13-01", "2026-11-1", "", "9999-12-31", "0001-01-01T00:00+14:00"]
)
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_wrong_date_gets_a_sentence_that_shows_a_right_one(lone, option, word):
    said = lone("export", "movements", option, word, expect=2)
    assert f"{option} {word} isn't a date; write a day such as 2026-11-01" in said.output
    assert said.stdout == ""


def test_a_range_that_ends_before_it_begins():
    with pytest.raises(CommandFailed, match="--from comes first"):
        parse_range("2026-11-02", "2026-11-01")
    assert parse_range("2026-11-02", "2026-11-02").contains(NOON - timedelta(days=21))
    assert not parse_range("2026-11-02", "2026-11-02").contains(NEVER)


def test_what_cannot_be_exported(lone):
    assert "'movements', 'adjustments'" in lone("export", "money", expect=2).output


def test_help_documents_every_column(lone):
    said = lone("export", "--help").output
    assert [name for columns in COLUMNS.values() for name in columns if name not in said] == []
