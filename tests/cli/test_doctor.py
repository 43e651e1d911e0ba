"""The doctor finds what is wrong before the stores do, and says what to do about it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from sync_core.app.parts import open_store
from sync_core.cli import doctor, doctor_checks
from sync_core.clock import WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.tables import STORE
from sync_core.domain.checks import ok
from sync_core.domain.leases import LeaseState
from sync_core.domain.process_roles import ALL_ROLES, ProcessRole
from sync_core.domain.shadow import PENDING_IN_SHADOW
from sync_core.domain.values import Alias
from sync_core.errors import BadSettings
from sync_core.settings import load
from tests.cli.conftest import ask, rest


def printed(tipo, *, expect=0):
    said = tipo.json("doctor", expect=expect)
    return {(each["about"], each["state"], each["says"]): each["then"] for each in said["checks"]}


def says(found, about, state, words):
    return [
        then or "fine"
        for (a, s, text), then in found.items()
        if (a, s) == (about, state) and words in text
    ]


async def _holds_its_leases(service):
    return [each.state for each in await service.leases()] == [LeaseState.OURS] * 2


def test_all_is_well(baselined):
    baselined.work(_holds_its_leases)
    baselined.shops["us"].access.scopes.remove("read_orders")
    found = printed(baselined)
    assert says(found, "database", "ok", "durable")
    for alias in ("eu", "us"):
        assert says(found, alias, "ok", "token accepted")
        assert says(found, alias, "ok", f"it is urbanwear-{alias}.myshopify.com")
        assert says(found, alias, "ok", "1 open location, all shared")
        assert says(found, alias, "ok", "this Tipo writes to it since 20")
    assert says(found, "eu", "warn", "read_orders") == []
    assert says(found, "us", "warn", "no read_orders")
    assert says(found, "webhooks", "warn", "polled every 5 s")
    assert "ok   eu" in baselined("doctor").output


def test_another_tipo_is_found_before_this_one_has_started(baselined, bare):
    """A new container with a new database: better told before it stands there and waits."""
    baselined.work(_holds_its_leases)
    (bare / "tipo.db").rename(bare / "elsewhere.db")
    for wal in bare.glob("tipo.db-*"):
        wal.unlink()
    found = printed(baselined, expect=1)
    for alias in ("eu", "us"):
        (then,) = says(found, alias, "fail", "writes to it")
        assert f"`tipo takeover {alias}`" in then


def test_a_store_without_any_tipo_is_free(tipo):
    assert says(printed(tipo), "eu", "ok", "no other Tipo writes to it")
    assert tipo("migrate", "--yes")
    assert says(printed(tipo), "eu", "ok", "no other Tipo writes to it")


def test_a_database_that_is_older_and_a_takeover_are_told(alone):
    ask(lambda parts: parts.database.transaction(lambda tx: older(tx, parts.clock.now())))
    (then, *_) = says(printed(alone, expect=1), "us", "fail", "this database is older")
    assert "`tipo takeover`" in then
    assert "eu, us: this database is older" in alone("status").output
    alone("takeover", "--yes", "--time-out", 0)
    found = printed(alone)
    assert says(found, "us", "warn", "is taking over it")
    assert "taking over, which is done in a minute" in alone("status").output


def older(tx, now):
    for alias in (Alias("eu"), Alias("us")):
        tx.leases.note(alias, LeaseState.OLDER, None, weak=False, now=now)


def test_a_store_that_keeps_no_mark_is_told(baselined):
    baselined.shops["us"].faults.no_metafields = True
    assert says(printed(baselined), "us", "warn", "doesn't store Tipo's mark")


def test_the_night_is_due_and_has_room(baselined):
    found = printed(baselined)
    assert says(found, "nightly", "ok", "(02:30 UTC)")
    assert says(found, "nightly", "ok", "exports need about 0.0 MB in ")


def test_a_night_without_room_or_folder(baselined):
    """A million variants are gigabytes of exports: better told now than at night."""
    engine = SqlDatabase("sqlite:///tipo.db").engine
    try:
        for factor, state in ((1, "ok"), (10**15, "warn")):
            found = doctor_checks.check_disk_space(
                engine, Path.cwd(), bytes_per_variant=1100 * factor
            )
            assert (found.about, found.state) == ("nightly", state)
        assert "make room there, or set TMPDIR" in found.then
        assert doctor_checks.check_disk_space(engine, Path("/nowhere")).state == "fail"
    finally:
        engine.dispose()


class Slack:
    """A frontend that is asked how it is."""

    name = "slack"

    def __init__(self, answer):
        self.answer = answer

    async def checks(self, step=""):
        if isinstance(self.answer, Exception):
            raise self.answer
        return [self.answer]


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        pytest.param(ok("slack", "token accepted"), "ok", "token accepted", id="well"),
        pytest.param(RuntimeError("boom"), "fail", "it couldn't be checked: boom", id="broken"),
        pytest.param(BadSettings("TIPO_SLACK__BOT_TOKEN: wrong"), "fail", "wrong", id="settings"),
    ],
)
def test_frontends_are_asked_how_they_are(known, monkeypatch, answer, state, words):
    def frontends(parts):
        if isinstance(answer, BadSettings):
            raise answer
        return [Slack(answer)]

    monkeypatch.setattr(doctor, "open_frontends", frontends)
    about = "settings" if isinstance(answer, BadSettings) else "slack"
    assert says(printed(known, expect=1 if state == "fail" else 0), about, state, words)


def test_no_settings(lone):
    assert says(printed(lone, expect=1), "settings", "fail", "at least two stores")


def test_no_database_yet(tipo, bare):
    assert says(printed(tipo), "database", "warn", "does not exist yet")
    assert not (bare / "tipo.db").exists()


def test_slack_is_checked_before_there_is_a_database(tipo, team, bare, monkeypatch):
    """A newcomer asks the doctor first and starts afterwards: all that is wrong belongs here."""
    monkeypatch.delenv("TIPO_SLACK__APPROVERS")
    found = printed(tipo)
    assert says(found, "database", "warn", "does not exist yet")
    assert says(found, "slack", "ok", "token accepted by urbanwear")
    assert says(found, "slack", "ok", "alerts go to #stock")
    assert says(found, "slack", "warn", "every member of the channel can approve")
    assert list(bare.iterdir()) == []


def test_a_wrong_slack_setting_is_found_before_there_is_a_database(tipo, team, monkeypatch):
    """Else it is found when the first alert does not come."""
    monkeypatch.setenv("TIPO_SLACK__BOT_TOKEN", "xoxb-of-somebody-else")
    assert says(printed(tipo, expect=1), "slack", "fail", "Slack rejected the bot token")
    monkeypatch.setenv("TIPO_SLACK__BOT_TOKEN", "nonsense")
    assert says(printed(tipo, expect=1), "settings", "fail", "TIPO_SLACK__BOT_TOKEN")


def test_slack_waits_for_a_database_that_cannot_be_used(tipo, team, monkeypatch):
    """Who may approve stands in the database: nothing is said of it that may be wrong."""
    monkeypatch.setenv("TIPO_DATABASE_URL", "postgresql://tipo@127.0.0.1:1/tipo")
    found = printed(tipo, expect=1)
    assert says(found, "database", "fail", "cannot be used")
    assert {about for about, _, _ in found}.isdisjoint({"slack"})


def test_a_dead_token(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_STORES__US__ACCESS_TOKEN", "shpat_dead")
    assert "US__ACCESS_TOKEN" in says(printed(tipo, expect=1), "us", "fail", "rejected")[0]


def test_another_shop(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_STORES__US__DOMAIN", "somebody-else.myshopify.com")
    assert says(printed(tipo, expect=1), "us", "fail", "urbanwear-us.myshopify.com answers, not")


def test_a_missing_scope(tipo):
    tipo.shops["eu"].access.scopes.remove("write_inventory")
    assert says(printed(tipo, expect=1), "eu", "fail", "scopes are missing: write_inventory")


def test_a_store_that_does_not_answer(tipo):
    tipo.shops["us"].faults.outage = True
    found = printed(tipo, expect=1)
    assert says(found, "us", "fail", "isn't answering")
    assert says(found, "eu", "ok", "token accepted")


def test_a_location_that_is_on_no_place(known):
    known.shops["eu"].add_location("Pop-up Paris")
    assert says(printed(known), "eu", "warn", "aren't shared: Pop-up Paris")


@pytest.mark.parametrize(
    ("url", "state", "words"),
    [
        pytest.param("https://tipo.example.com", "ok", "stores reach Tipo", id="https"),
        pytest.param("http://tipo.example.com", "fail", "is not https", id="http"),
        pytest.param("http://127.0.0.1:8080", "warn", "this machine", id="loopback"),
    ],
)
def test_the_public_address(tipo, monkeypatch, url, state, words):
    monkeypatch.setenv("TIPO_PUBLIC_URL", url)
    found = printed(tipo, expect=1 if state == "fail" else 0)
    assert says(found, "webhooks", state, words)
    assert says(found, "eu", "warn", "not subscribed to inventory_levels/update")


def test_a_missing_webhook_secret(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_PUBLIC_URL", "https://tipo.example.com")
    monkeypatch.setenv("TIPO_STORES__US__ACCESS_TOKEN", "shpat_sandbox_us")
    monkeypatch.delenv("TIPO_STORES__US__CLIENT_SECRET")
    assert "WEBHOOK_SECRETS" in says(printed(tipo, expect=1), "us", "fail", "no webhook secret")[0]


class FastClock:
    """A machine whose clock runs three minutes ahead."""

    def now(self):
        return WallClock().now() + timedelta(minutes=3)


def test_a_clock_that_is_wrong(tipo):
    """The order of what happened is told by whole seconds: clocks that differ cost looks."""
    settings = load()
    found = asyncio.run(_checked(settings))
    (said,) = (each.says for each in found if "clock" in each.says)
    assert said.startswith("its clock and this one differ by -1")


async def _checked(settings):
    store = open_store(Alias("us"), settings.stores["us"], WallClock())
    try:
        read_lease = doctor._lease_reader(None)
        return await doctor_checks.check_store(
            store, settings, doctor_checks.Known(), clock=FastClock(), read_lease=read_lease
        )
    finally:
        await store.close()


def test_a_role_that_is_missing_is_a_fault_with_its_next_step(tipo):
    """Webhooks pile up while all that is seen is well."""
    tipo("migrate", "--yes")
    ask(lambda parts: parts.service.heartbeat(ALL_ROLES - {ProcessRole.WORKER}))
    said = tipo("status").output
    assert "No worker is running: nothing is synced; webhooks are kept." in said
    assert "Start `tipo serve --only worker`." in said
    assert "`tipo serve` isn't running" not in said
    found = printed(tipo, expect=1)
    told = says(found, "service", "fail", "No worker is running")
    assert told == ["start `tipo serve --only worker`"]
    assert not says(found, "service", "warn", "isn't running")
    rest()
    assert "No worker" not in tipo("status").output


def test_a_store_that_may_not_be_written_is_enough_for_shadow_mode(known):
    """Until somebody goes live: then it is named, with where to grant it."""
    known.shops["us"].access.scopes.remove("write_inventory")
    known("mode", "two-way", "--shadow", "--yes", "--time-out", 0, expect=1)
    found = printed(known)
    assert says(found, "us", "warn", "no write_inventory: enough for shadow mode")
    assert says(found, "service", "warn", "shadow mode: nothing is written")
    assert known.json("mode")["shadow"]["by"]
    assert known.json("status")["shadow"]["changes"] == 0
    said = known("status").output
    assert "nothing is written to any store" in said
    assert "0 changes, 0 would have gone wrong" in said
    assert PENDING_IN_SHADOW in known("stock", "slim-fit-denim-jacket").output
    ask(lambda parts: parts.database.transaction(_has_read_only_scopes))  # as `tipo serve` learns
    refused = known("mode", "two-way", "--yes", expect=2).output
    assert "Tipo may not write to US: its app there has no write_inventory scope" in refused
    known("mode", "off", "--yes", "--time-out", 0)
    assert "shadow" not in known("status").output.lower()


def _has_read_only_scopes(tx):
    tx.run(update(STORE).where(STORE.c.alias == "us").values(scopes="read_inventory"))
