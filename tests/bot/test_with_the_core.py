"""The bot with the whole of Tipo behind it: real stores over HTTP, a real database, a real Slack.

Nothing is faked here but the two vendors.
"""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from starlette.routing import Mount

from sandbox.sample_shops import build_shops, environment
from sandbox.server import build_app
from sync_core.app.parts import assemble
from sync_core.app.server import App
from sync_core.domain.proposals import ReportFacts, ReportKind
from sync_core.ports import ReportRequest
from sync_core.settings import load
from sync_core.workers.context import WAKEUP_SETTING
from tests.bot.conftest import ACKED_WITHIN_MS, served, until

LONG = 20.0
LONG_AGO, NEVER_SOON = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"  # so that every webhook is lost


class Tipo:
    """A serving process, in this one."""

    def __init__(self, staff, shops, folder, monkeypatch):
        self.staff, self.shops = staff, shops
        self.folder, self.monkeypatch = folder, monkeypatch

    @asynccontextmanager
    async def serving(self, stores_url, **more):
        """Serve; what is in the database stays for the next time."""
        app, staff = self.staff.slack.app, self.staff
        settings = {
            **environment(self.shops, stores_url),
            "TIPO_DATABASE_URL": f"sqlite:///{self.folder / 'tipo.db'}",
            "TIPO_SLACK__BOT_TOKEN": app.bot_token,
            "TIPO_SLACK__SIGNING_SECRET": app.signing_secret,
            "TIPO_SLACK__CHANNEL": staff.stock.id,
            "TIPO_SLACK__API_URL": staff.slack.api_url,
            "TIPO_PUBLIC_URL": NOWHERE,
            **more,
        }
        for name, value in settings.items():
            self.monkeypatch.setenv(name, value)
        parts = assemble(load())
        tipo = App(parts)
        async with served(tipo.web().routes) as url:
            staff.slack.app.request_url = f"{url}/slack/events"
            await parts.service.heartbeat()
            task = asyncio.ensure_future(tipo.work())
            try:
                yield parts.service
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await parts.close()


@pytest.fixture
async def world(staff, tmp_path, monkeypatch, sqlite_url):
    monkeypatch.chdir(tmp_path)
    shops = build_shops(staff.clock.now, products=4)
    async with served([Mount("/", build_app(shops))]) as stores_url:
        for alias, shop in shops.items():
            shop.base_url = f"{stores_url}/{alias}"
        yield Tipo(staff, shops, tmp_path, monkeypatch), stores_url


async def ask(staff, line, person=None, words=""):
    """Type a line; return the answer with these words: others may be told at the same time."""
    interaction = await staff.slack.command(
        person or staff.ann, f"/tipo {line}", channel=staff.stock
    )
    assert interaction.acked, interaction.ack
    assert interaction.ack_ms < ACKED_WITHIN_MS
    return await staff.slack.until(
        lambda: next(
            (each for each in reversed(interaction.ephemeral_replies()) if words in each.text), None
        ),
        5,
    )


def with_button(staff, person, action):
    seen = [*staff.slack.messages(staff.stock), *staff.slack.ephemerals(person)]
    return next((each for each in reversed(seen) if f"'{action}'" in str(each.blocks)), None)


async def two_way(staff, service):
    """Ask for two-way and confirm it twice at the same time; return the question."""

    async def known():
        return (await service.overview()).pools > 0

    await eventually(known)
    await ask(staff, "mode two-way")
    question = await staff.slack.until(
        lambda: with_button(staff, staff.ann, "decide.confirm"), LONG
    )
    interactions = await staff.slack.click_all([staff.ann] * 2, question, "decide.confirm")
    assert all(each.acked for each in interactions)

    async def agreed():
        found = await service.overview()
        waiting = any(each.waiting for each in await service.baselines())
        return found.agreed == found.pools and not waiting

    await eventually(agreed)
    return question


async def eventually(holds):
    """Wait until something that takes a question holds."""
    async with asyncio.timeout(LONG):
        while not await holds():  # noqa: ASYNC110 - what is watched rings no bell
            await asyncio.sleep(0.05)


async def selling(shops, done):
    """Customers buy in both stores, all the time."""
    while not done.is_set():
        for shop in shops.values():
            if shop.available("SFDJ-M") > 1:  # on a slow machine they would sell out
                shop.sell("SFDJ-M", 1)
        await asyncio.sleep(0.02)


async def review(staff, report, person):
    """Choose, for the one finding of a report, that the source's number holds."""
    await staff.slack.click(person, report, "review")
    await staff.slack.until(
        lambda: "submit" in getattr(staff.slack.modal(person), "content", {}), 5
    )
    await staff.slack.select(person, staff.slack.modal(person), "review.choice", "use_source")


async def test_a_team_runs_two_stores(world, staff):
    """From the first status to taking back a fix: each answer comes from what really is."""
    tipo, stores_url = world
    async with tipo.serving(stores_url) as service:
        await two_way(staff, service)
        receipts = await service.receipts(limit=10)
        assert len(receipts) == 1  # two clicks, one decision
        assert receipts[0].rule == "member of the channel"

        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(selling(tipo.shops, done))
            for line, words in (
                ("status", ""),
                ("mode", "two-way"),
                ("stock SFDJ-M", "Slim Fit Denim Jacket"),
                ("why SFDJ-M", "Slim Fit Denim Jacket"),
                ("drift", ""),
                ("unmatched", ""),
                ("locations", "location"),
                ("buffer SFDJ-L 2 us", "kept back from US"),
                ("pause", "paused"),
                ("status", "aused"),
                ("resume", "resumed"),
                ("undo 99", "receipt"),
                ("approvers", "Every member"),
                ("quiet 22:00-07:00", "22:00"),
                ("quiet off", "No quiet hours"),
                ("alerts problems", "problems"),
                ("help", "or one of these"),
            ):
                assert await ask(staff, line, words=words), line
            done.set()
        sold = await staff.slack.until(lambda: staff.slack.ephemerals(staff.ann), 1)
        assert sold
        home = await staff.slack.open_home(staff.ann)
        assert home.acked
        await staff.slack.until(lambda: staff.slack.home(staff.ann), 5)


async def test_a_pack_size_is_shown_confirmed_and_written(world, staff):
    """What somebody agrees to is each store's number, now and then."""
    tipo, stores_url = world
    async with tipo.serving(stores_url) as service:
        await two_way(staff, service)

        async def quiet():
            return not any(each.refreshes for each in (await service.overview()).stores)

        await eventually(quiet)
        question = await ask(staff, "pack SFDJ-L 6 us", words="in packs of 6 units in US?")
        assert "50 \u2192 8" in str(cells(question)), question.blocks
        await staff.slack.click(staff.ann, question, "decide.confirm")
        await until(lambda: tipo.shops["us"].available("SFDJ-L") == 8, LONG)
        assert tipo.shops["eu"].available("SFDJ-L") == 50

        async def told():
            found = await service.receipts(limit=1)
            return found[0].kind == "pack" and not found[0].running

        await eventually(told)


def cells(message):
    """Return the texts of a message's table."""
    return [each["text"] for each in nested(message.blocks) if isinstance(each.get("text"), str)]


def nested(blocks):
    """Yield every object in some blocks."""
    if isinstance(blocks, dict):
        yield blocks
    for each in blocks.values() if isinstance(blocks, dict) else blocks:
        if isinstance(each, dict | list):
            yield from nested(each)


async def sold_unseen(tipo, staff):
    """Sell four in us, of which no webhook tells; return the report that says so."""
    tipo.shops["us"].sell("SFDJ-S", 4)
    await ask(staff, "check")
    return await staff.slack.until(lambda: with_button(staff, staff.ann, "review"), LONG)


async def test_a_lost_change_is_found_approved_and_taken_back(world, staff):
    """Two people approve at once; after a restart the undo button still knows its receipt."""
    tipo, stores_url = world
    async with tipo.serving(stores_url) as service:
        await two_way(staff, service)
        report = await sold_unseen(tipo, staff)
        for person in (staff.ann, staff.bob):
            await review(staff, report, person)
        async with asyncio.TaskGroup() as group:
            for person in (staff.ann, staff.bob):
                view = staff.slack.modal(person)
                group.create_task(staff.slack.submit(person, view))
        await until(
            lambda: {shop.available("SFDJ-S") for shop in tipo.shops.values()} == {50}, LONG
        )

        async def carried_out():
            return not any(each.running for each in await service.receipts(limit=10))

        await eventually(carried_out)
        made = await service.receipts(limit=10)
        fixes = [each for each in made if any(line.choice == "use_source" for line in each.lines)]
        assert [len(each.lines) for each in fixes] == [1], made
    async with tipo.serving(stores_url):
        interaction = await staff.slack.click_raw(
            staff.bob, report, {"action_id": "undo", "value": str(fixes[0].id)}
        )
        question = await interaction.answer(5)
        await staff.slack.click(staff.bob, question, "decide.confirm")
        await until(lambda: tipo.shops["us"].available("SFDJ-S") == 46, LONG)
        late = await staff.slack.click(staff.ann, report, "decide_all", version=0)
        await staff.slack.until(late.ephemeral_replies, 5)


async def test_a_number_that_moved_while_the_form_was_open_is_asked_again(world, staff):
    """Both numbers are in the form; what is approved is read again, and nothing else is written."""
    tipo, stores_url = world
    async with tipo.serving(stores_url) as service:
        await two_way(staff, service)
        report = await sold_unseen(tipo, staff)
        await staff.slack.click(staff.ann, report, "review")
        view = await staff.slack.until(
            lambda: (
                (found := staff.slack.modal(staff.ann))
                and "Apply 1 fix" in str(found.content)
                and found
            ),
            5,
        )
        assert "EU 50 \u00b7 US 46" in str(view.content)
        tipo.shops["us"].sell("SFDJ-S", 3)
        await staff.slack.submit(staff.ann, view)
        await staff.slack.until(lambda: "EU 50 \u00b7 US 43" in str(report.blocks), 2 * LONG)
        [fix, _] = await service.receipts(limit=2)
        assert not any(line.done for line in fix.lines)
        shown = {alias: shop.available("SFDJ-S") for alias, shop in tipo.shops.items()}
        assert shown == {"eu": 50, "us": 43}


async def test_a_click_shows_in_the_message_at_once(world, staff):
    """People who see live buttons after a click, click again."""
    tipo, stores_url = world
    async with tipo.serving(stores_url) as service:
        await two_way(staff, service)
        tipo.shops["us"].sell("SFDJ-S", 4)
        await ask(staff, "check")

        def report():
            channel = staff.slack.messages(staff.stock, by=staff.slack.bot)
            return next((each for each in channel if "decide_all" in str(each.blocks)), None)

        message = await staff.slack.until(report, LONG)
        began = time.monotonic()
        await staff.slack.click_all([staff.ann, staff.bob, staff.ann], message, "decide_all")
        await staff.slack.until(lambda: "decide_all" not in str(message.blocks), 5)
        seconds = time.monotonic() - began
        print(f"from the click to the changed message: {seconds:.2f} s")  # noqa: T201
        await staff.slack.until(lambda: "approved" in str(message.blocks).lower(), 5)
        await until(lambda: tipo.shops["eu"].available("SFDJ-S") == 46, LONG)
        await staff.slack.until(lambda: "Fixed " in str(message.blocks), LONG)
        fixes = [each for each in await service.receipts(limit=10) if each.kind == "fix"]
        assert len(fixes) == 1


def ask_for(kinds, late):
    """Ask for reports in that order; nobody takes up the late one for now."""

    def work(tx):
        for kind in kinds:
            wish = ReportRequest(
                kind=kind, token=f"token of {kind}", facts=ReportFacts(stores=("us",))
            )
            number, _ = tx.reports.request(wish, now=LONG_AGO)
            if kind is late:
                tx.reports.postpone(number, until=NEVER_SOON, why="")
        tx.settings.set(WAKEUP_SETTING, "asked")

    return work


def unblock_store(tx):
    tx.run(text("UPDATE report SET claimed_until = NULL WHERE state = 'wanted'"))
    tx.settings.set(WAKEUP_SETTING, "let go")


def states(tx):
    return [row.state for row in tx.run(text("SELECT state FROM report ORDER BY id"))][-2:]


@pytest.mark.parametrize("late", [ReportKind.BASELINE, ReportKind.CHECK])
async def test_a_report_that_another_overtakes_leaves_somebody_to_decide(world, staff, late):
    """The buttons are in one message, that of the newest; the older ones link to it."""
    tipo, stores_url = world
    kinds = [late, *{ReportKind.BASELINE, ReportKind.CHECK} - {late}]
    async with tipo.serving(stores_url) as service:
        step = service._database.transaction
        await two_way(staff, service)
        tipo.shops["us"].sell("SFDJ-S", 4)

        async def ended(*wanted):
            return await step(states) == [*wanted]

        await step(ask_for(kinds, late))
        await eventually(lambda: ended("wanted", "done"))
        await step(unblock_store)
        await eventually(lambda: ended("done", "done"))

        def offering():
            told = staff.slack.messages(staff.stock)
            return [each for each in told if "'review'" in str(each.blocks)]

        def linked():
            said = [each.text for each in staff.slack.messages(staff.stock)]
            links = [each for each in said if "outdated, see the <" in each]
            return len(links) == outdated and len(offering()) == 1 and links

        # A check that ends with nothing to decide, since a newer report has it, is not posted.
        outdated = 1 if late is ReportKind.CHECK else 2
        links = await staff.slack.until(linked, 3 * LONG)
        (live,) = offering()
        # The first of all may link to the second, as long as that one leads on.
        assert any(live.ts.replace(".", "") in each for each in links)
        await review(staff, live, staff.bob)
        await staff.slack.submit(staff.bob, staff.slack.modal(staff.bob))
        await until(
            lambda: {shop.available("SFDJ-S") for shop in tipo.shops.values()} == {50}, LONG
        )
        await staff.slack.until(lambda: not offering(), 3 * LONG)


async def test_a_wipe_is_held_asked_about_and_taken_back_by_a_click(world, staff):
    """The worst day: an import empties a store. Nothing of it reaches the other one."""
    tipo, stores_url = world
    soon = {"TIPO_CATCH_UP__EVERY": "1", "TIPO_SAFETY_STOP__POOLS": "1"}
    async with tipo.serving(stores_url, **soon) as service:
        await two_way(staff, service)
        eu, us = tipo.shops.values()
        before = {item.id: us.available(item.id) for item in us.items.values()}
        for item in eu.items.values():
            eu.edit(item.id, to=0)
        asked = await staff.slack.until(
            lambda: with_button(staff, staff.ann, "decide.discard"), LONG
        )
        assert "12 products dropped to 0 in EU" in asked.text
        interaction = await staff.slack.click(staff.ann, asked, "decide.discard")
        assert interaction.acked

        async def restored():
            return all(eu.available(item.id) > 0 for item in eu.items.values())

        await eventually(restored)
        assert {item: us.available(item) for item in before} == before
