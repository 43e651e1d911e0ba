"""The doctor finds what is wrong before the stores do, and says what to do about it."""

import asyncio
from datetime import timedelta

import pytest

from sync_core.app import open_store
from sync_core.cli import checks
from sync_core.clock import WallClock
from sync_core.domain.values import Alias
from sync_core.settings import load


def told(tipo, *, expect=0):
    said = tipo.json("doctor", expect=expect)
    return {(each["about"], each["state"], each["says"]): each["then"] for each in said["checks"]}


def says(found, about, state, words):
    return [
        then or "fine"
        for (a, s, text), then in found.items()
        if (a, s) == (about, state) and words in text
    ]


def test_all_is_well(met):
    met.shops["eu"].access.scopes.append("read_orders")
    found = told(met)
    assert says(found, "database", "ok", "durable")
    for alias in ("eu", "us"):
        assert says(found, alias, "ok", "token accepted")
        assert says(found, alias, "ok", f"it is urbanwear-{alias}.myshopify.com")
        assert says(found, alias, "ok", "1 open location, all on the map")
    assert says(found, "eu", "warn", "read_orders") == []
    assert says(found, "us", "warn", "no read_orders")
    assert says(found, "webhooks", "warn", "asked every 5 s")
    assert "ok   eu" in met("doctor").output


def test_no_settings(lone):
    assert says(told(lone, expect=1), "settings", "fail", "at least two stores")


def test_no_database_yet(tipo, bare):
    assert says(told(tipo), "database", "warn", "is not there yet")
    assert not (bare / "tipo.db").exists()


def test_a_dead_token(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_STORES__US__ACCESS_TOKEN", "shpat_dead")
    assert "US__ACCESS_TOKEN" in says(told(tipo, expect=1), "us", "fail", "not accepted")[0]


def test_another_shop(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_STORES__US__DOMAIN", "somebody-else.myshopify.com")
    assert says(told(tipo, expect=1), "us", "fail", "urbanwear-us.myshopify.com answers, not")


def test_a_missing_scope(tipo):
    tipo.shops["eu"].access.scopes.remove("write_inventory")
    assert says(told(tipo, expect=1), "eu", "fail", "scopes are missing: write_inventory")


def test_a_store_that_does_not_answer(tipo):
    tipo.shops["us"].faults.outage = True
    found = told(tipo, expect=1)
    assert says(found, "us", "fail", "does not answer")
    assert says(found, "eu", "ok", "token accepted")


def test_a_location_that_is_on_no_place(known):
    known.shops["eu"].add_location("Pop-up Paris")
    assert says(told(known), "eu", "warn", "not shared: Pop-up Paris")


@pytest.mark.parametrize(
    ("url", "state", "words"),
    [
        pytest.param("https://tipo.example.com", "ok", "stores reach us", id="https"),
        pytest.param("http://tipo.example.com", "fail", "is not https", id="http"),
        pytest.param("http://127.0.0.1:8080", "warn", "this machine", id="loopback"),
    ],
)
def test_the_public_address(tipo, monkeypatch, url, state, words):
    monkeypatch.setenv("TIPO_PUBLIC_URL", url)
    found = told(tipo, expect=1 if state == "fail" else 0)
    assert says(found, "webhooks", state, words)
    assert says(found, "eu", "warn", "not subscribed to inventory_levels/update")


def test_a_missing_webhook_secret(tipo, monkeypatch):
    monkeypatch.setenv("TIPO_PUBLIC_URL", "https://tipo.example.com")
    monkeypatch.setenv("TIPO_STORES__US__ACCESS_TOKEN", "shpat_sandbox_us")
    monkeypatch.delenv("TIPO_STORES__US__CLIENT_SECRET")
    assert "WEBHOOK_SECRETS" in says(told(tipo, expect=1), "us", "fail", "no webhook secret")[0]


class FastClock:
    """A machine whose clock runs three minutes ahead."""

    def now(self):
        return WallClock().now() + timedelta(minutes=3)


def test_a_clock_that_is_wrong(tipo):
    """The order of what happened is told by whole seconds: clocks that differ cost looks."""
    settings = load()
    found = asyncio.run(_checked(settings))
    (said,) = (each.says for each in found if "clock" in each.says)
    assert said.startswith("its clock and ours differ by -1")


async def _checked(settings):
    store = open_store(Alias("us"), settings.stores["us"], WallClock())
    try:
        return await checks.store(store, settings, None, None, clock=FastClock())
    finally:
        await store.close()
