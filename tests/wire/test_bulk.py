"""Exporting a store: what is asked, when a file is believed, and what happens instead.

The shop is the sandbox's own, in the same process: it runs exports, refuses bad ones and serves
files by its own rules.
"""

import json
from random import Random

import httpx
import pytest
from graphql import parse, validate
from hypothesis import given
from hypothesis import strategies as st

from sandbox.app_mutations import bulk_error
from sandbox.faults import ShopFault
from sandbox.graphql_api import schema as sandbox_schema
from sandbox.shop import Shop
from sandbox.shop_transport import ShopTransport
from sync_core.domain.texts import storable_json
from sync_core.domain.values import Alias, LocationId
from sync_core.errors import AccessLost, NoAnswer, NotSent, Refused, StillRunning
from sync_core.ports import ExportStage, ExportState
from sync_core.shopify import bulk, documents, nodes
from sync_core.shopify.auth import PermanentToken
from sync_core.shopify.client import ShopifyStore
from sync_core.workers.exporter import (
    AtomicFile,
    ExportedFile,
    Exporter,
    ExportLimits,
    ExportRequest,
)
from tests.official_schema import official
from tests.wire.conftest import TOKEN, HandClock

DOMAIN = "urbanwear-eu.myshopify.com"
FIRST = "gid://shopify/BulkOperation/8001"


class Bending(ShopTransport):
    """The shop's network, which bends what comes back: a function of request and response."""

    def __init__(self, shops):
        super().__init__(shops)
        self.bend = None
        self.files = []

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        if request.method == "GET":
            self.files.append(request)
        return response if self.bend is None else self.bend(request, response)


class Harness:
    """A shop with jackets, and our client of it."""

    def __init__(self, jackets=3):
        self.clock = HandClock()
        self.shop = Shop(DOMAIN, now=self.clock.now, rng=Random(7), access_token=TOKEN)
        self.berlin = self.shop.add_location("Berlin")
        self.munich = self.shop.add_location("Munich")
        for number in range(jackets):
            product = self.shop.add_product(f"Jacket / {number}", f"jacket-{number}", ["S", "M"])
            for each in product.variants:
                self.shop.stock(each.item.id, self.berlin, 50 + number)
        self.net = Bending([self.shop])
        auth = PermanentToken(TOKEN)
        self.store = ShopifyStore(
            alias=Alias("eu"), domain=DOMAIN, auth=auth, clock=self.clock, transport=self.net
        )
        self.told = []
        self.saved = []

    @property
    def places(self):
        return (LocationId(self.berlin), LocationId(self.munich))

    async def save(self, operation):
        self.saved.append(operation)

    def wanted(self, to, **more):
        told = {"progress": lambda *so_far: self.told.append(so_far), "started": self.save}
        return ExportRequest(locations=self.places, to=to, **told, **more)

    async def make(self, to, *, limits=None, **more):
        return await Exporter(self.store, self.clock, limits).make(self.wanted(to, **more))


@pytest.fixture
async def harness():
    made = Harness()
    yield made
    await made.store.close()


@pytest.fixture
def to(tmp_path):
    return tmp_path / "eu.jsonl"


def parsed(path):
    return [json.loads(each) for each in path.read_bytes().splitlines()]


LINE = {
    "id": "gid://shopify/ProductVariant/1",
    "sku": "S",
    "inventoryPolicy": "DENY",
    "requiresComponents": False,
}


# What is asked


@given(
    st.lists(st.text(st.characters(codec=None) | st.sampled_from('\0\\"u')), max_size=5), st.data()
)
def test_a_file_is_mended_line_by_line_whatever_pieces_it_comes_in(names, data):
    """An escape may be cut in two by the network; the size that was said holds."""
    raw = b"".join(json.dumps({"sku": name}).encode() + b"\n" for name in names)
    lines, found, rest = bulk._LineBuffer(), b"", raw
    while rest:
        size = data.draw(st.integers(1, 7))
        found += storable_json(lines.of(rest[:size]))
        rest = rest[size:]
    found += storable_json(lines.rest)
    assert found == storable_json(raw)
    assert len(found) == len(raw)


def test_a_line_without_end_fills_no_memory():
    lines = bulk._LineBuffer()
    passed = sum(len(lines.of(b"x" * 100_000)) for _ in range(50))
    assert passed + len(lines.rest) == 5_000_000
    assert len(lines.rest) <= bulk.MAX_PARTIAL_LINE_BYTES


locations = st.lists(st.integers(1, 2**63 - 1).map(LocationId), unique=True, max_size=20)


@given(locations)
def test_an_export_is_one_that_stores_run(places):
    """One connection, whole numbers only: the sandbox has the vendor's rules for it."""
    query = documents.export_query(places)
    assert bulk_error(sandbox_schema(), query) is None
    assert bulk.exported_locations(query) == tuple(places)


@pytest.mark.parametrize("count", [0, 1, 3, 300])
def test_it_is_valid_by_the_vendors_own_schema(count):
    places = [LocationId(n + 1) for n in range(count)]
    for text in (documents.export_query(places), documents.export_page(places).text):
        assert validate(official(), parse(text)) == []


def test_a_page_asks_for_the_same_fields_as_an_export():
    places = [LocationId(101), LocationId(102)]
    assert documents.export_fields(places) in documents.export_query(places)
    assert documents.export_fields(places) in documents.export_page(places).text


@pytest.mark.parametrize(
    "places",
    [[0], [-1], [2**63], [True], ["101"], ['1") { id } x(a: "'], [1.0], [None], [5, 5]],
    ids=str,
)
def test_only_whole_numbers_get_into_the_text(places):
    """An export's query takes no variables: what is no number could be a query of its own."""
    with pytest.raises(ValueError, match="location"):
        documents.export_query(places)


def test_a_text_too_long_for_a_store_is_never_sent():
    with pytest.raises(ValueError, match="no more locations"):
        documents.export_query([LocationId(10**18 + n) for n in range(500)])
    fits = documents.export_query([LocationId(10**18 + n) for n in range(300)])
    assert len(fits.encode()) <= documents.MAX_QUERY_BYTES


# How far it is

STATES = {
    "CREATED": ExportStage.RUNNING,
    "RUNNING": ExportStage.RUNNING,
    "COMPLETED": ExportStage.DONE,
    "FAILED": ExportStage.FAILED,
    "CANCELING": ExportStage.FAILED,
    "CANCELED": ExportStage.FAILED,
    "EXPIRED": ExportStage.GONE,
}


@pytest.mark.parametrize(("word", "stage"), STATES.items(), ids=list(STATES))
def test_every_state_has_a_meaning(word, stage):
    given = bulk.BulkOperation(id="x", status=word, root_object_count="12", file_size="345")
    found = bulk.state_of("x", given)
    assert (found.stage, found.objects, found.size) == (stage, 12, 345)
    assert (found.why is not None) == (stage is ExportStage.FAILED)


@pytest.mark.parametrize(
    "given",
    [bulk.BulkOperation(id="y", status="RUNNING"), bulk.BulkOperation(id="x"),
     bulk.BulkOperation(id="x", status="PAUSED")],
    ids=["another", "no state", "unknown"],
)  # fmt: skip
def test_a_state_that_is_none_is_no_answer(given):
    with pytest.raises(NoAnswer):
        bulk.state_of("x", given)


def test_the_address_of_a_file_is_not_shown():
    """It opens the file to anyone who has it: a log must not."""
    state = ExportState(operation="x", stage=ExportStage.DONE, url="https://files/secret")
    assert "secret" not in repr(state)


async def test_an_export_goes_its_way(harness, to):
    operation = await harness.store.start_export(harness.places)
    assert operation == FIRST
    assert (await harness.store.export_state(operation)).stage is ExportStage.RUNNING
    await harness.clock.sleep(2)
    state = await harness.store.export_state(operation)
    assert (state.stage, state.objects, state.locations) == (ExportStage.DONE, 6, harness.places)
    assert await harness.store.download_export(state, to) == 6
    first = parsed(to)[0]
    assert first["product"]["title"] == "Jacket / 0"
    assert first["inventoryItem"]["l0"]["quantities"][0]["quantity"] == 50
    assert first["inventoryItem"]["l1"] is None
    (request,) = harness.net.files
    assert not {"x-shopify-access-token", "authorization"} & set(request.headers)


async def test_what_the_store_does_not_know_is_gone(harness):
    state = await harness.store.export_state("gid://shopify/BulkOperation/1")
    assert state == ExportState(operation="gid://shopify/BulkOperation/1", stage=ExportStage.GONE)


async def test_a_sixth_export_has_to_wait(harness):
    for _ in range(5):
        await harness.store.start_export(harness.places)
    with pytest.raises(StillRunning, match="already in progress"):
        await harness.store.start_export(harness.places)


async def test_any_other_refusal_is_one(harness):
    def refuse(_request, _response):
        error = {"code": "INVALID", "field": ["query"], "message": "no connection"}
        payload = {"bulkOperation": None, "userErrors": [error]}
        return httpx.Response(200, json={"data": {"bulkOperationRunQuery": payload}})

    harness.net.bend = refuse
    with pytest.raises(Refused, match="no connection"):
        await harness.store.start_export(harness.places)


# When a file is believed


async def done(harness):
    operation = await harness.store.start_export(harness.places)
    await harness.clock.sleep(2)
    return await harness.store.export_state(operation)


def file(change):
    """Bend files only."""

    def bend(request, response):
        if request.method != "GET":
            return response
        made = change(response)
        return made if isinstance(made, httpx.Response) else httpx.Response(200, content=made)

    return bend


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda r: r.content[:-1], NoAnswer),
        (lambda r: r.content[: len(r.content) // 2], NoAnswer),
        (lambda r: r.content + b"{}\n", NoAnswer),
        (lambda r: r.content.replace(b"\n", b" ", 1), NoAnswer),
        (lambda r: b"", NoAnswer),
        (lambda r: httpx.Response(403, content=b"<Error>"), Refused),
        (lambda r: httpx.Response(302, headers={"Location": "http://169.254.169.254/"}), Refused),
        (lambda r: httpx.Response(503), NoAnswer),
    ],
    ids=["a byte less", "half", "more", "a line less", "none", "expired", "elsewhere", "broken"],
)
async def test_a_part_of_a_file_is_never_believed(harness, to, change, error):
    state = await done(harness)
    to.write_bytes(b"of yesterday")
    harness.net.bend = file(change)
    with pytest.raises(error):
        await harness.store.download_export(state, to)
    assert [each.name for each in to.parent.iterdir()] == [to.name], "a draft was left behind"
    assert to.read_bytes() == b"of yesterday"


@pytest.mark.parametrize(
    ("exc", "error"),
    [
        (httpx.ConnectError("https://files/secret"), NotSent),
        (httpx.ReadError("https://files/secret"), NoAnswer),
        (httpx.ReadTimeout("https://files/secret"), NoAnswer),
    ],
    ids=["unreachable", "cut", "silent"],
)
async def test_a_broken_download_names_no_address(harness, to, exc, error):
    state = await done(harness)

    def fall(_response):
        raise exc

    harness.net.bend = file(fall)
    with pytest.raises(error) as caught:
        await harness.store.download_export(state, to)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["http://files/x", "file:///etc/passwd", "gopher://x", "x"])
async def test_a_file_comes_by_tls_only(harness, to, url):
    state = ExportState(operation="x", stage=ExportStage.DONE, objects=0, url=url)
    with pytest.raises(Refused):
        await harness.store.download_export(state, to)
    assert harness.net.files == []


async def test_only_an_export_that_is_done_has_a_file(harness, to):
    with pytest.raises(Refused, match="running"):
        await harness.store.download_export(
            ExportState(operation="x", stage=ExportStage.RUNNING), to
        )


async def test_a_shop_that_sells_nothing_has_an_empty_file(to):
    """Whether that is believed is not for the file to say."""
    harness = Harness(jackets=0)
    state = await done(harness)
    assert (state.stage, state.url) == (ExportStage.DONE, None)
    assert await harness.store.download_export(state, to) == 0
    assert to.read_bytes() == b""
    await harness.store.close()


async def test_objects_without_a_file_are_no_empty_shop(harness, to):
    with pytest.raises(NoAnswer, match="0 lines, not 6"):
        await harness.store.download_export(
            ExportState(operation="x", stage=ExportStage.DONE, objects=6), to
        )


async def test_a_draft_counts_lines_with_or_without_a_last_end(tmp_path):
    for text, lines in ((b"", 0), (b"a\n", 1), (b"a\nb", 2), (b"\n", 1)):
        async with AtomicFile(tmp_path / "x") as draft:
            for byte in text:
                await draft.add(bytes([byte]))
            await draft.add(b"")
        assert (draft.lines, draft.size) == (lines, len(text))
    assert list(tmp_path.iterdir()) == []


# Page by page


async def test_pages_have_the_lines_of_an_export(harness, to):
    await harness.make(to)
    by_bulk = parsed(to)
    lines, after = [], None
    while True:
        page = await harness.store.export_page(harness.places, after)
        lines += page.lines
        after = page.after
        if after is None:
            break
    assert [json.loads(each) for each in lines] == by_bulk
    assert not any(b"\n" in each for each in lines)


async def test_paging_begins_anew_by_id_before_a_store_stops(harness, monkeypatch):
    """A store pages through 25,000 of anything and no further."""
    monkeypatch.setattr(bulk, "MAX_PAGED_VARIANTS", 2)
    monkeypatch.setattr(harness.store._graphql.costs, "rows", lambda _document: 1)
    ids, after, asked = [], None, 0
    while asked < 20:
        page = await harness.store.export_page(harness.places, after)
        ids += [json.loads(each)["id"] for each in page.lines]
        asked += 1
        after = page.after
        if after is None:
            break
    assert len(ids) == len(set(ids)) == 6
    assert ids == sorted(ids)


async def test_a_search_that_the_store_ignores_is_not_believed(harness):
    """It would begin at the beginning, and never end."""
    mark = bulk.ExportPosition(base=10**9).next("c", bulk.MAX_PAGED_VARIANTS, 10**9)
    more = {"extensions": {"search": [{"warnings": [{"code": "invalid_field"}]}]}}
    harness.net.bend = lambda _request, response: httpx.Response(
        200, json={**json.loads(response.content), **more}
    )
    with pytest.raises(Refused, match="ignores"):
        await harness.store.export_page(harness.places, mark)


async def test_a_store_that_shows_old_ids_again_is_not_believed():
    with pytest.raises(NoAnswer, match="again"):
        bulk.variant_number(LINE, above=1)
    assert bulk.variant_number(LINE, above=0) == 1


@pytest.mark.parametrize("text", ["", "x", "{}", '["a"]'])
def test_a_place_in_an_export_is_one_that_we_wrote(text):
    with pytest.raises(ValueError, match="no position"):
        bulk.ExportPosition.read(text)


# The whole way


async def test_a_file_is_made_by_an_export(harness, to):
    made = await harness.make(to, expected=6)
    assert made == ExportedFile(path=to, lines=6, operation=FIRST)
    assert harness.saved == [FIRST]
    assert harness.told[-1] == (6, 6)
    assert len(parsed(to)) == 6


async def test_waits_grow_up_to_ten_seconds(harness, to):
    harness.shop.export_seconds = 60
    await harness.make(to)
    waits = harness.clock.slept
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert max(waits) == 10
    assert len(waits) < 14


async def test_after_a_restart_the_running_export_is_waited_for(harness, to):
    operation = await harness.store.start_export(harness.places)
    made = await harness.make(to, operation=operation)
    assert (made.operation, harness.saved) == (operation, [])
    assert len(harness.shop.exports) == 1


async def test_one_that_ended_just_now_is_fetched(harness, to):
    operation = await harness.store.start_export(harness.places)
    await harness.clock.sleep(14 * 60)
    made = await harness.make(to, operation=operation)
    assert (made.operation, harness.saved) == (operation, [])


async def _old(harness):
    operation = await harness.store.start_export(harness.places)
    await harness.clock.sleep(2)
    await harness.store.export_state(operation)
    await harness.clock.sleep(15 * 60 + 1)
    return operation


async def _elsewhere(harness):
    return await harness.store.start_export(harness.places[::-1])


async def _failed(harness):
    harness.shop.faults.bulk_fails = "TIMEOUT"
    operation = await harness.store.start_export(harness.places)
    await harness.clock.sleep(2)
    await harness.store.export_state(operation)
    harness.shop.faults.bulk_fails = None
    return operation


async def _unknown(_house):
    return "gid://shopify/BulkOperation/1"


@pytest.mark.parametrize("before", [_old, _elsewhere, _failed, _unknown])
async def test_what_no_longer_answers_is_asked_anew(harness, to, before):
    """An export of last night tells nothing of now, one of other locations nothing of these."""
    operation = await before(harness)
    made = await harness.make(to, operation=operation)
    assert made.operation not in {None, operation}
    assert harness.saved == [made.operation]


async def _fails(harness):
    harness.shop.faults.bulk_fails = "INTERNAL_SERVER_ERROR"


async def _stands_still(harness):
    harness.shop.export_seconds = 10**6


async def _is_full(harness):
    harness.shop.export_seconds = 10**6
    for _ in range(5):
        await harness.store.start_export(harness.places)


async def _cuts_files(harness):
    harness.net.bend = file(lambda response: response.content[:-1])


async def _refuses(harness):
    def refuse(request, response):
        if b"BulkStart" not in request.content:
            return response
        error = {"code": "INVALID", "field": ["query"], "message": "not here"}
        payload = {"bulkOperation": None, "userErrors": [error]}
        return httpx.Response(200, json={"data": {"bulkOperationRunQuery": payload}})

    harness.net.bend = refuse


@pytest.mark.parametrize("trouble", [_fails, _stands_still, _is_full, _cuts_files, _refuses])
async def test_without_an_export_it_reads_page_by_page(harness, to, trouble):
    await trouble(harness)
    began = harness.clock.now()
    made = await harness.make(to)
    assert (made.operation, made.lines) == (None, 6)
    assert made.why
    assert len(parsed(to)) == 6
    assert (harness.clock.now() - began).total_seconds() < 11 * 60


async def test_an_export_that_crawls_is_left(harness, to):
    """It goes on, a little at a time, and would for days."""
    harness.shop.export_seconds = 10**6
    count = 0

    def crawl(request, response):
        nonlocal count
        if b"BulkPoll" not in request.content:
            return response
        count += 1
        body = json.loads(response.content)
        body["data"]["bulkOperation"]["rootObjectCount"] = str(count)
        return httpx.Response(200, json=body)

    harness.net.bend = crawl
    began = harness.clock.now()
    made = await harness.make(to)
    assert "longer than 3:00:00" in made.why
    assert 3 * 3600 < (harness.clock.now() - began).total_seconds() < 3.1 * 3600


@pytest.mark.parametrize(
    "answer", [ShopFault.DROP_BEFORE, ShopFault.DROP_AFTER, 503, 429, "throttled"]
)
async def test_a_lost_answer_is_asked_for_again(harness, to, answer):
    harness.shop.faults.next = [answer] * 3
    made = await harness.make(to)
    assert made.operation is not None


async def test_a_file_is_fetched_again_when_it_was_cut(harness, to):
    cuts = [True, True]
    harness.net.bend = file(lambda r: r.content[:-1] if cuts and cuts.pop() else r.content)
    made = await harness.make(to)
    assert (made.operation, len(harness.net.files)) == (FIRST, 3)


async def test_a_dead_token_is_told_and_leaves_no_file(harness, to):
    harness.shop.access.revoke()
    with pytest.raises(AccessLost):
        await harness.make(to)
    assert list(to.parent.iterdir()) == []


async def test_a_store_that_never_answers_is_given_up(harness, to):
    harness.shop.faults.outage = True
    began = harness.clock.now()
    with pytest.raises(NoAnswer):
        await harness.make(to, limits=ExportLimits())
    assert (harness.clock.now() - began).total_seconds() <= 600
    assert list(to.parent.iterdir()) == []


async def test_pages_that_break_off_leave_no_file(harness, to):
    """Half a catalogue would look like a store that had lost the other half."""
    await _fails(harness)
    pages = 0

    def fall(request, response):
        nonlocal pages
        pages += b"ExportPage" in request.content
        if pages > 2:
            raise httpx.ReadError("gone", request=request)
        return response

    harness.net.bend = fall
    harness.store._graphql.costs.rows = lambda _document: 1
    with pytest.raises(NoAnswer):
        await harness.make(to)
    assert list(to.parent.iterdir()) == []


async def test_pages_that_never_end_are_left(harness, to):
    await _fails(harness)

    first = None

    def again(request, response):
        nonlocal first
        if b"ExportPage" not in request.content:
            return response
        first = first or json.loads(response.content)
        return httpx.Response(200, json=first)

    harness.store._graphql.costs.rows = lambda _document: 2
    harness.net.bend = again
    with pytest.raises(NoAnswer, match="again"):
        await harness.make(to)


def test_a_line_of_an_export_is_read_as_a_read_by_id_is():
    """Whatever is unknown of a level is no quantity; a line that cannot be read says nothing."""
    places = (LocationId(101), LocationId(102))

    def read(**changes):
        sold = {"id": "gid://shopify/InventoryItem/5201", "tracked": True}
        level = {"isActive": True, "quantities": [{"quantity": 7, "updatedAt": None}]}
        line = {"requiresComponents": False, "product": {"isGiftCard": False}}
        item = {**sold, "l0": level, "l1": None, **changes.pop("item", {})}
        text = json.dumps({**line, "inventoryItem": item, **changes}).encode()
        return [
            each.trouble or each.available for each in nodes.exported_readings("eu", text, places)
        ]

    stale = {"isActive": False, "quantities": [{"quantity": 7, "updatedAt": None}]}
    two = {"isActive": True, "quantities": [{"quantity": 7}, {"quantity": 8}]}
    assert read() == [7, "missing"]
    assert read(item={"l1": stale}) == [7, "inactive"]
    assert read(item={"l0": two}) == ["missing", "missing"]
    assert read(item={"tracked": False}) == ["untracked"] * 2
    assert read(item={"tracked": None}) == ["missing"] * 2
    assert read(requiresComponents=True) == ["bundle"] * 2
    assert read(requiresComponents=None) == ["missing"] * 2
    assert read(product={"isGiftCard": True}) == ["gift_card"] * 2
    assert read(inventoryItem=None) == read(item={"id": "gid://shopify/Product/1"}) == []
    assert [*nodes.exported_readings("eu", b'{"inventoryItem": 5}', places)] == []
    assert [*nodes.exported_readings("eu", b"\xff{", places)] == []
