"""`tipo audit`, on a database that somebody has altered, or has not."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from sync_core.cli import audit
from sync_core.domain.audit import Breach, Law, OrderShare
from sync_core.domain.seals import AlteredSeal
from sync_core.domain.views import SealView
from sync_core.workers import sealer
from tests.cli.conftest import ask


def alter(query):
    """Do to the database what nobody may."""

    async def work(parts):
        return await parts.database.transaction(lambda tx: tx.run(text(query)).rowcount)

    return ask(work)


def seal():
    """Draw the line of a seal, and close it."""

    async def work(parts):
        worker = sealer.Sealer(parts.database, parts.clock)
        await worker.run()
        await worker.run()

    return ask(work)


def test_books_that_add_up_are_good_news(alone):
    said = alone.json("audit")
    assert (said["wrong"], said["breaches"]) == (0, [])
    assert "every unit is explained" in alone("audit").output


def test_books_that_do_not_are_shown_with_all_numbers(alone):
    """A level that is said to be written, and a quantity that nobody agreed on."""
    alter("UPDATE pool SET shared = 7, first_shared = 50 WHERE id = 1")
    alter("UPDATE level SET open = true WHERE pool_id = 2 AND store = 'us'")
    said = alone.json("audit", expect=1)
    assert said["wrong"] == 2
    shared, is_open = said["breaches"]
    assert (shared["law"], shared["recorded"], shared["expected"]) == ("shared", 7, 50)
    assert (shared["first"], shared["movements"], shared["decisions"]) == (50, 0, 0)
    assert (is_open["law"], is_open["store"], is_open["expected"]) == ("open", "us", 1)
    shown = alone("audit", expect=1).output
    assert "start 50, changes +0, decisions +0" in shown
    assert "all other products are still synced" in shown


def test_a_seal_that_was_broken_is_named(alone, monkeypatch):
    assert "No day is sealed yet" in alone("audit", "--verify").output
    monkeypatch.setattr(sealer, "CLOSE_AFTER", timedelta())
    seal()
    said = alone.json("audit", "--verify")["seals"]
    assert (said["days"], said["altered"]) == (1, None)
    assert said["digest"] in alone("audit", "--verify").output
    alter("UPDATE seal SET drawn_at = closed_at")
    broken = alone.json("audit", "--verify", expect=1)["seals"]
    assert broken["altered"] == {
        "day": said["last"],
        "what": "seal",
        "sealed": None,
        "found": None,
    }
    assert f"{said['last']}: the seal itself" in alone("audit", "--verify", expect=1).output


def test_how_much_orders_explain_is_said_and_is_no_breach(alone, capsys):
    """Somebody may restock: what no order explains is a number, and not a fault."""
    assert alone.json("audit")["orders"] == {}, "nobody tells of orders here"
    since = datetime(2026, 11, 23, 9, 1, tzinfo=UTC)
    audit._print_shares([OrderShare(store="eu", since=since, moved=1204, by_orders=1150)])
    shown = capsys.readouterr().out
    assert "eu: 1,204 units moved since 2026-11-23 09:01" in shown
    assert "Orders explain 1,150; 54 were restocked or edited" in shown


def test_what_was_altered_is_said_with_the_days_that_were_not(capsys):
    altered = AlteredSeal(day="2026-11-24", what="movements", sealed=12, found=11)
    audit._print_seals(SealView(days=3, first="2026-11-21", last="2026-11-23", altered=altered))
    shown = capsys.readouterr().out
    assert "2026-11-24: movements were altered" in shown
    assert "(11 found, 12 were sealed)" in shown
    assert "3 days sealed before it, up to 2026-11-23, are unaltered" in shown


@pytest.mark.parametrize("law", Law)
def test_every_breach_has_its_line(law):
    breach = Breach(law=law, pool=1, title="Jacket", store="us", recorded=None, expected=None)
    assert audit._breach_row(breach)[:3] == (1, "Jacket", "us")
    assert ("start missing" in audit._explain(breach)) is (law in audit.OTHER_CAUSES)
