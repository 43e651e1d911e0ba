"""What a store has signed is kept once, many in one commit, and answered afterwards."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.exc import OperationalError

from tests.web.conftest import BODY, EU, HOOK, NEW, OLD, OTHER, TOPIC, US, headers, until


async def test_a_signed_delivery_is_kept_as_it_came(harness):
    answer = await harness.send(webhook_id="b1")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    (row,) = harness.stored()
    assert (row.store, row.webhook_id, row.topic, row.body) == ("eu", "b1", TOPIC, BODY)
    assert row.handled_at is None


async def test_the_same_delivery_again_is_answered_and_not_kept_again(harness):
    for _ in range(3):
        assert (await harness.send(webhook_id="b1")).status_code == 200
    assert len(harness.stored()) == 1


async def test_the_same_delivery_many_times_at_once_is_kept_once(harness):
    answers = await asyncio.gather(*(harness.send(webhook_id="b1") for _ in range(20)))
    assert {each.status_code for each in answers} == {200}
    assert len(harness.stored()) == 1


async def test_two_stores_may_use_the_same_id(harness):
    await harness.send(webhook_id="b1")
    assert (await harness.send(secret=OTHER, shop_domain=US, webhook_id="b1")).status_code == 200
    assert [row.store for row in harness.stored()] == ["eu", "us"]


async def test_300_at_once_share_commits(harness):
    """What arrives while one commit runs goes into the next, all of it."""
    before = harness.database.steps
    harness.database.gate.clear()
    async with asyncio.TaskGroup() as group:
        sent = [group.create_task(harness.send())]
        await until(lambda: harness.database.steps == before + 1)
        sent += [group.create_task(harness.send()) for _ in range(299)]
        await until(lambda: len(harness.app._receiver._waiting) == 299)
        assert not any(each.done() for each in sent)
        harness.database.gate.set()
    assert Counter(each.result().status_code for each in sent) == {200: 300}
    assert len({row.webhook_id for row in harness.stored()}) == 300
    assert harness.database.steps == before + 2


async def test_nothing_is_answered_before_it_is_committed(harness):
    harness.database.gate.clear()
    before = harness.database.steps
    async with asyncio.TaskGroup() as group:
        sent = group.create_task(harness.send())
        await until(lambda: harness.database.steps > before)
        await asyncio.sleep(0.1)
        assert not sent.done()
        assert harness.stored() == []
        harness.database.gate.set()
    assert sent.result().status_code == 200
    assert len(harness.stored()) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        OperationalError("INSERT", {}, Exception("disk full")),
        OSError(28, "No space left on device"),
        RuntimeError("?"),
    ],
)
async def test_what_cannot_be_kept_is_answered_503(harness, refusals, trouble):
    """The store sends it again; the service is none the worse for it."""
    harness.database.trouble = trouble
    answer = await harness.send(webhook_id="b1")
    assert (answer.status_code, answer.text) == (503, "it cannot be kept now\n")
    assert answer.headers["retry-after"] == "30"
    assert refusals() == []
    assert (await harness.client.get("/healthz")).status_code == 200
    harness.database.trouble = None
    assert harness.stored() == []
    assert (await harness.send(webhook_id="b1")).status_code == 200
    assert len(harness.stored()) == 1


async def test_a_commit_that_fails_is_logged_once_with_its_number(harness, caplog):
    """A database that is away for a minute must not fill the disk with tracebacks."""
    harness.database.gate.clear()
    before = harness.database.steps
    async with asyncio.TaskGroup() as group:
        sent = [group.create_task(harness.send())]
        await until(lambda: harness.database.steps > before)
        sent += [group.create_task(harness.send()) for _ in range(50)]
        await until(lambda: len(harness.app._receiver._waiting) == 50)
        harness.database.trouble = OSError(28, "No space left on device")
        harness.database.gate.set()
    assert {each.result().status_code for each in sent} == {503}
    logged = [each for each in caplog.records if each.levelname in {"WARNING", "ERROR"}]
    assert [each.n for each in logged] == [1, 50]


@asynccontextmanager
async def stuck(harness, *sent):
    """Webhooks that wait for a commit which does not come, until this is left; they are kept."""
    harness.database.gate.clear()
    before = harness.database.steps
    async with asyncio.TaskGroup() as group:
        first, *others = sent
        tasks = [group.create_task(first)]
        await until(lambda: harness.database.steps == before + 1)
        tasks += [group.create_task(each) for each in others]
        await until(lambda: len(harness.app._receiver._waiting) == len(others))
        yield
        harness.database.gate.set()
    assert [each.result().status_code for each in tasks] == [200] * len(tasks)


async def test_too_many_at_once_are_answered_503(harness, caplog, monkeypatch):
    """Said once when it begins and once when it is over, however many were refused."""
    monkeypatch.setattr("sync_core.web.receiver.MAX_REQUESTS", 4)
    async with stuck(harness, *(harness.send() for _ in range(3))):
        late = [await harness.send() for _ in range(4)]
        alive = await harness.client.get("/healthz")
    assert {each.status_code for each in late} == {503}
    assert {each.text for each in late} == {"too many webhooks at once\n"}
    assert late[0].headers["retry-after"] == "30"
    assert alive.status_code == 200
    assert [each.getMessage() for each in caplog.records if each.levelname == "WARNING"] == [
        "3 webhooks are under way, more of eu are refused",
        "webhooks of eu are taken again; 4 were refused",
    ]
    assert (await harness.send()).status_code == 200


async def test_one_stores_flood_leaves_the_other_its_share(harness, monkeypatch):
    """All that is signed is kept sooner or later: what is refused is sent again."""
    monkeypatch.setattr("sync_core.web.receiver.MAX_REQUESTS", 8)
    flood = [{"webhook_id": f"flood-{number}"} for number in range(10)]
    of_us = {"secret": OTHER, "shop_domain": US}
    async with stuck(harness, *(harness.send(**each) for each in flood[:6])):
        refused = [await harness.send(**each) for each in flood[6:]]
        assert {each.status_code for each in refused} == {503}
        assert not harness.app._receiver.is_full
        async with asyncio.TaskGroup() as group:
            calm = [group.create_task(harness.send(**of_us)) for _ in range(2)]
            await until(lambda: len(harness.app._receiver._waiting) == 7)
            assert harness.app._receiver.is_full
            assert (await harness.send(**of_us)).status_code == 503
            harness.database.gate.set()
    assert [each.result().status_code for each in calm] == [200, 200]
    assert {(await harness.send(**each)).status_code for each in flood} == {200}
    assert Counter(row.store for row in harness.stored()) == {"eu": 10, "us": 2}


async def test_a_few_large_bodies_are_as_many_small_ones(harness, monkeypatch):
    """Else 2,000 of 2 MiB each would be more memory than most machines have."""
    monkeypatch.setattr("sync_core.web.receiver.MAX_REQUEST_BYTES", 8 * len(BODY))
    large = BODY[:-1] + b" " * 4 * len(BODY) + b"}"
    async with stuck(harness, harness.send(large)):
        assert (await harness.send(large)).status_code == 503
        assert (await harness.send(secret=OTHER, shop_domain=US, body=large)).status_code == 503
        async with asyncio.TaskGroup() as group:
            small = group.create_task(harness.send(secret=OTHER, shop_domain=US))
            await until(lambda: len(harness.app._receiver._waiting) == 1)
            harness.database.gate.set()
    assert small.result().status_code == 200
    assert (await harness.send(large)).status_code == 200


async def test_what_is_not_signed_takes_no_room_of_what_is(harness, monkeypatch):
    """Anyone who knows a store's domain may send in its name; nothing of it is counted."""
    monkeypatch.setattr("sync_core.web.receiver.MAX_REQUESTS", 4)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers().items())
    head = f"POST {HOOK} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n{lines}\r\n"
    opened = [await asyncio.open_connection("127.0.0.1", harness.port) for _ in range(20)]
    for _, writer in opened:
        writer.write(head.encode() + BODY[:5])
    assert {(await harness.send(secret="forged")).status_code for _ in range(20)} == {401}  # noqa: S106
    assert (await harness.send()).status_code == 200
    for _, writer in opened:
        writer.close()


async def test_a_sender_that_leaves_before_the_answer_harms_nobody(harness):
    """What it sent is kept all the same; it will send it again."""
    harness.database.gate.clear()
    before = harness.database.steps
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers().items())
    head = f"POST {HOOK} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n{lines}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.port)
    writer.write(head.encode() + BODY)
    await until(lambda: harness.database.steps > before)
    writer.close()
    harness.database.gate.set()
    assert (await harness.send()).status_code == 200
    assert len(harness.stored()) == 2
    assert await reader.read() == b""


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_each_secret_is_accepted_during_a_rotation(harness, secret):
    assert (await harness.send(secret=secret)).status_code == 200


@pytest.mark.parametrize("secret", ["hush-eu-third", ""])
async def test_no_other_secret_is_accepted(harness, secret):
    """Not even the empty one that stands in the list."""
    assert (await harness.send(secret=secret)).status_code == 401
    assert harness.stored() == []


async def test_headers_are_read_whatever_their_case(harness):
    shouted = {name.upper(): value for name, value in headers(shop_domain=EU.upper()).items()}
    answer = await harness.client.post(HOOK, content=BODY, headers=shouted)
    assert answer.status_code == 200


async def test_a_topic_nobody_reads_is_kept(harness):
    assert (await harness.send(b"{}", topic="themes/publish")).status_code == 200
    assert len(harness.stored()) == 1
