"""Every text that we send is one that the store understands."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from sync_core.shopify import documents

SCHEMA = Path(__file__).parents[3] / "shared" / "shopify" / "admin-2026-10.graphql"


@pytest.fixture(scope="module")
def schema():
    if not SCHEMA.exists():
        pytest.skip("the Admin API's schema file is not beside the repository")
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", documents.ALL, ids=lambda each: each.name)
def test_a_document_is_valid(schema, document):
    assert validate(schema, parse(document.text)) == []


@pytest.mark.parametrize("document", documents.ALL, ids=lambda each: each.name)
def test_a_document_bears_its_own_name(document):
    assert f" {document.name}(" in document.text.splitlines()[0]


def test_every_document_is_checked():
    made = {each for each in vars(documents).values() if isinstance(each, documents.Document)}
    assert made == set(documents.ALL)


def test_adding_is_idempotent_by_a_key_in_the_variables():
    """The directive stands on the field; without it the store refuses."""
    assert "inventoryAdjustQuantities(input: $input) @idempotent(key: $key)" in (
        documents.ADJUST.text
    )


@given(st.text())
def test_a_quoted_text_cannot_end_its_own_quotes(text):
    inner = documents.quoted(text)[1:-1]
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
