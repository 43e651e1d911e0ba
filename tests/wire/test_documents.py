"""Every text that we send is one that the store understands."""

from datetime import datetime, timedelta, timezone

import pytest
from graphql import parse, validate
from hypothesis import given
from hypothesis import strategies as st

from sandbox.graphql_api import schema as ours
from sync_core.shopify import documents
from tests.official_schema import deprecated, official

EXPORT = documents.export_query([101, 202])
SENT = [
    *(pytest.param(each.text, id=each.name) for each in documents.ALL_DOCUMENTS),
    pytest.param(documents.export_page([101, 202]).text, id="ExportPage"),
    pytest.param(EXPORT, id="Export"),
]


@pytest.fixture(params=["Shopify's", "the sandbox's"])
def schema(request):
    return official() if request.param == "Shopify's" else ours()


@pytest.mark.parametrize("text", SENT)
def test_a_document_is_valid(schema, text):
    assert validate(schema, parse(text)) == []


@pytest.mark.parametrize("text", SENT)
def test_a_document_uses_nothing_that_will_be_gone(schema, text):
    """A field is deprecated a year before a store stops to answer it."""
    assert deprecated(schema, parse(text)) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(
            "{ productVariants(first: 1) { nodes { barcode } } }", ["barcode"], id="plain"
        ),
        pytest.param(
            "{ node(id: 1) { ...Sold } } fragment Sold on ProductVariant { was: barcode sku }",
            ["barcode"],
            id="in a fragment, by another name",
        ),
        pytest.param(
            "{ productVariants(first: 1) { nodes { barcodes(first: 1) { nodes { value } } } } }",
            [],
            id="what stands for it",
        ),
    ],
)
def test_what_will_be_gone_is_found(schema, text, names):
    """Else the test above would promise nothing."""
    assert deprecated(schema, parse(text)) == names


@pytest.mark.parametrize("document", documents.ALL_DOCUMENTS, ids=lambda each: each.name)
def test_a_document_bears_its_own_name(document):
    assert f" {document.name}(" in document.text.splitlines()[0]


def test_every_document_is_checked():
    made = {each for each in vars(documents).values() if isinstance(each, documents.Document)}
    assert made == set(documents.ALL_DOCUMENTS)


def test_adding_is_idempotent_by_a_key_in_the_variables():
    """The directive stands on the field; without it the store refuses."""
    assert "inventoryAdjustQuantities(input: $input) @idempotent(key: $key)" in (
        documents.ADJUST.text
    )


@given(st.text())
def test_a_quoted_text_cannot_end_its_own_quotes(text):
    inner = documents.quote_term(text)[1:-1]
    assert inner.replace("\\\\", "").replace("\\'", "").count("'") == 0
    assert not inner.replace("\\\\", "").endswith("\\")


def test_a_search_for_changes_speaks_utc():
    time = datetime(2026, 11, 23, 11, 35, 10, 999999, tzinfo=timezone(timedelta(hours=1)))
    assert documents.changed_since(time) == "updated_at:>='2026-11-23T10:35:10Z'"


@pytest.mark.parametrize(
    ("topic", "enum"),
    [
        ("inventory_levels/update", "INVENTORY_LEVELS_UPDATE"),
        ("products/create", "PRODUCTS_CREATE"),
        ("app/uninstalled", "APP_UNINSTALLED"),
        ("app/scopes_update", "APP_SCOPES_UPDATE"),
        ("orders/partially_fulfilled", "ORDERS_PARTIALLY_FULFILLED"),
    ],
)
def test_a_topic_has_two_spellings(topic, enum):
    assert documents.topic_enum(topic) == enum
    assert documents.topic_name(enum) == topic
