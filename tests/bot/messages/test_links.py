"""People get by one click to what a message is about."""

from dataclasses import replace

import pytest

from bot.messages import history, posts, state, stock, unmatched
from sync_core.domain.admin_pages import order_page, product_page, store_page
from sync_core.domain.values import Alias, ItemId
from sync_core.domain.views import Unmatched
from tests.bot.messages.conftest import NOW, entry, overview, pool, post, story

DOMAIN = "urbanwear-us.myshopify.com"
STORE = "https://admin.shopify.com/store/urbanwear-us"


def links(blocks):
    """Return the text and address of every link."""
    if isinstance(blocks, dict):
        found = [(blocks["text"], blocks["url"])] if blocks.get("type") == "link" else []
        return found + [each for part in blocks.values() for each in links(part)]
    return [each for part in blocks for each in links(part)] if isinstance(blocks, list) else []


def test_pages_are_those_of_the_stores_admin():
    """Shopify's own addresses: the handle is the first part of the domain."""
    assert store_page(DOMAIN) == STORE
    assert product_page(DOMAIN, 7) == f"{STORE}/products/7"
    assert order_page(DOMAIN, 9) == f"{STORE}/orders/9"


@pytest.mark.parametrize("domain", ["", "localhost:8000", "evil.example", ".myshopify.com"])
def test_what_is_no_store_of_shopifys_has_no_page(domain):
    """No link is better than a wrong one."""
    assert [store_page(domain), product_page(domain, 7), order_page(domain, 7)] == ["", "", ""]


def test_a_product_leads_to_its_page_in_each_store():
    """By the store's name; a store whose page is not known is left out."""
    found = pool(0, "Jacket")
    levels = tuple(
        replace(each, store=Alias(name), page=page)
        for each, name, page in zip(
            found.levels, ("eu", "us"), ("", product_page(DOMAIN, 7)), strict=True
        )
    )
    found = replace(found, levels=levels)
    shown = stock.stock(pools=[found], now=NOW, total=1)
    assert links(shown.blocks) == [("US", f"{STORE}/products/7")]
    about = post("incident", story(1, "Jacket", kind="oversold", subject="pool:7"))
    assert posts.needs(about).pool == 7
    alert = posts.render(about, posts.Lookup(pool=found), NOW)
    assert links(alert.blocks) == [("US", f"{STORE}/products/7")]


def test_a_sale_leads_to_its_order():
    """Who asks why a number is what it is wants to see the order."""
    sold = replace(entry(0, "Jacket"), kind="movement", page=order_page(DOMAIN, 9))
    shown = history.history(pool=pool(0, "Jacket"), entries=[sold])
    assert ("order #1002", f"{STORE}/orders/9") in links(shown.blocks)


def test_an_unmatched_variant_leads_to_its_product():
    """What to do about it is done there."""
    lone = Unmatched(
        store=Alias("us"),
        item=ItemId(1),
        title="Scarf <b>",
        handle="",
        sku="",
        page=product_page(DOMAIN, 7),
        why="no match in another store",
    )
    shown = unmatched.unmatched(total=1, rows=[lone], offset=0)
    assert links(shown.blocks) == [("Scarf <b>", f"{STORE}/products/7")]


def test_the_status_leads_to_the_stores():
    """One line, however many there are."""
    view = overview(2, "x")
    stores = tuple(replace(each, domain=DOMAIN) for each in view.stores[:1])
    shown = state.status(
        overview=replace(view, stores=stores), serving=True, last_report=None, now=NOW
    )
    assert [url for _, url in links(shown.blocks)] == [STORE]
