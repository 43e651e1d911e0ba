"""People get by one click to what a message is about."""

from dataclasses import replace

import pytest

from bot.messages import activity, history, posts, state, stock, unmatched
from sync_core.domain.admin_pages import order_page, product_page, store_page
from sync_core.domain.values import Alias, ItemId
from sync_core.domain.views import Unmatched
from tests.bot.messages.conftest import NOW, entry, notice, overview, pool, post, story
from tests.bot.messages.test_notifications import Kept

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


def test_an_oversell_leads_to_both_orders():
    """An order is cancelled in its own store, so each opens there."""
    eu = {"store": "eu", "name": "#1009", "page": order_page("urbanwear-eu.myshopify.com", 9)}
    us = {"store": "us", "name": "#2041", "page": order_page(DOMAIN, 41)}
    facts = {"title": "Jacket", "units": 1, "orders": [eu, us]}
    kept = Kept()
    kept.fold(notice(1, "oversold", "pool:7", severity="critical", facts=facts))
    [told] = kept.told()
    said = posts.render(told, posts.NOTHING_FOUND, NOW)
    assert said.text.endswith(": order #1009 in EU and order #2041 in US took what was left.")
    both = [("order #1009", eu["page"]), ("order #2041", us["page"])]
    assert links(said.blocks) == both
    line = "".join(each["text"] for each in said.blocks[1]["elements"][0]["elements"])
    assert line == "Open order #1009 (EU) \u00b7 order #2041 (US)"


def test_orders_whose_page_is_not_known_are_named_without_a_link():
    """A store at an address of its own, or an alert that an older Tipo made."""
    order = {"store": "us", "name": "#2041", "page": ""}
    for facts in ({"orders": [order]}, {"acts": "order #2041 in US"}):
        body = story(1, "Jacket", kind="oversold", facts={"title": "Jacket", "units": 2, **facts})
        said = posts.render(post("incident", body), posts.NOTHING_FOUND, NOW)
        assert said.text.endswith("oversold by 2: order #2041 in US took what was left.")
        assert links(said.blocks) == []


def test_very_many_orders_are_counted():
    """A pool of a hundred that sells out at once has a hundred orders."""
    orders = [{"store": "us", "name": f"#{n}", "page": order_page(DOMAIN, n)} for n in range(1, 21)]
    body = story(1, "Jacket", kind="oversold", facts={"title": "Jacket", "orders": orders})
    said = posts.render(post("incident", body), posts.NOTHING_FOUND, NOW)
    assert said.text.endswith("order #4 in US and 16 more orders took what was left.")
    assert len(links(said.blocks)) == 10


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


def test_each_row_of_several_products_leads_to_its_store():
    """Ten products in two stores are twenty pages."""
    found = [pool(0, "Jacket"), pool(3, "Shirt")]
    shown = stock.stock(pools=found, now=NOW, total=2)
    assert [words for words, _ in links(shown.blocks)] == ["Jacket", "Jacket", "Shirt", "Shirt"]
    assert len({url for _, url in links(shown.blocks)}) == 2


def test_the_history_leads_to_the_product():
    shown = history.history(pool=pool(0, "Jacket"), entries=[])
    assert [words for words, _ in links(shown.blocks)] == ["store-0", "store-1"]


def test_a_contested_product_leads_to_its_pages():
    """What else changes it is found there, in the history of its stock."""
    body = story(1, "Jacket", kind="contested", facts={"title": "Jacket", "pool": 7})
    assert posts.needs(post("incident", body)).pool == 7
    shown = posts.render(post("incident", body), posts.Lookup(pool=pool(0, "Jacket")), NOW)
    assert [words for words, _ in links(shown.blocks)] == ["store-0", "store-1"]


def test_an_alert_about_a_store_leads_to_its_admin_while_it_is_open():
    """What to fix is fixed there."""
    known = posts.Lookup(stores={"us": STORE})
    body = story(1, "x", kind="store_blocked", store="us", facts={"store": "us", "why": "no"})
    shown = posts.render(post("incident", body), known, NOW)
    assert links(shown.blocks) == [("US", STORE)]
    for closed in ({"over": NOW.isoformat()}, {"moved": "incident:2"}, {"store": "de"}):
        shown = posts.render(post("incident", {**body, **closed}), known, NOW)
        assert links(shown.blocks) == []


def test_a_sale_in_the_details_of_a_day_leads_to_its_order():
    """And a line that an older Tipo has kept is told as before."""
    old = [NOW.isoformat(), "Jacket", -5, "order #1002", True]
    page = order_page(DOMAIN, 9)
    shown = activity.details(rows=[old, [*old, page]])
    assert links(shown.blocks) == [("order #1002", page)]
