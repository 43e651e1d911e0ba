"""A delivery with a text that a database would refuse is taken, kept as it came, and folded."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from sync_core.domain.texts import storable
from sync_core.shopify.webhooks import parse_webhook
from sync_core.workers.delivery_processor import DeliveryProcessor
from tests.web.conftest import BODY, TOPIC
from tests.web.conftest import settings as _settings

ORDER = {
    "id": 1,
    "created_at": "2026-11-23T09:00:00Z",
    "line_items": [{"id": 1, "variant_id": 1, "quantity": 1}],
}
PRODUCT = {"id": 7, "handle": "jacket", "status": "active"}
ANY = st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udfff"))


@pytest.fixture
def settings(database_url, tmp_path, monkeypatch):
    """Those of the other tests, on each database."""
    return _settings.__wrapped__(database_url, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["#10\x0042", "#10\ud83d42"])
async def test_what_it_holds_stops_nobody(harness, name):
    order, product = json.dumps(ORDER | {"name": name}), json.dumps(PRODUCT | {"title": name})
    for topic, body in (("orders/create", order), ("products/update", product), (TOPIC, BODY)):
        raw = body if isinstance(body, bytes) else body.encode()
        assert (await harness.send(raw, topic=topic)).status_code == 200
    assert [row.body for row in harness.stored()] == [order.encode(), product.encode(), BODY]
    processed = await DeliveryProcessor(harness.app._context).round()
    assert processed.taken == 3
    assert {(row.handled_at is not None, row.quarantined_at) for row in harness.stored()} == {
        (True, None)
    }
    assert harness.database.run(
        lambda tx: [row.name for row in tx.run(text("SELECT name FROM order_event"))]
    ) == ["#10\ufffd42"]


@example(name="\0", handle="\ud800", sku="\udfff\0")
@given(name=ANY, handle=ANY, sku=ANY)
def test_no_text_makes_a_body_unreadable(name, handle, sku):
    """A body that is refused comes again and again, until the store stops sending at all."""
    variant = {"id": 1, "inventory_item_id": 2, "sku": sku, "option1": name}
    said = parse_webhook(
        "eu",
        "products/update",
        json.dumps(PRODUCT | {"title": name, "handle": handle, "variants": [variant]}).encode(),
    )
    [known] = said.variants
    for each in (said.title, said.handle, known.sku, *known.options):
        assert storable(each) == each
