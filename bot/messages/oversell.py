"""A product that was sold more often than anybody had it, and the orders that took what was left.

facts    what they say, as the core keeps them
-------  -----------------------------------------------------------------
title    the product
units    how many were sold that nobody has
orders   of each: its store, its name, its page in that store's admin
acts     the same as an older Tipo kept it: in words
"""

from collections.abc import Mapping
from typing import Any

from bot.messages.block_kit import Block, Part, link, sentence, title
from bot.text import clean, counted, number, store_name

Facts = Mapping[str, Any]
Order = tuple[str, str, str]  # its store, what it is called, its page
MAX_ORDERS_NAMED = 4  # orders that a headline names
MAX_ORDERS_LINKED = 10  # orders that one line leads to


def oversold_headline(facts: Facts) -> list[Part]:
    """Return what was sold too often, and the orders that took what was left."""
    units = facts.get("units")
    by = f" by {number(units)}" if isinstance(units, int) else ""
    lead: list[Part] = [title(facts.get("title") or "A product"), f" is oversold{by}"]
    orders = _orders(facts)
    told = [f"{words} in {store}" if store else words for store, words, _ in orders]
    left = len(orders) - MAX_ORDERS_NAMED
    more = f" and {counted(left, 'more order')}" if left > 0 else ""
    names = " and ".join(told[:MAX_ORDERS_NAMED])
    return [*lead, f": {names}{more} took what was left." if told else "."]


def open_orders(facts: Facts) -> list[Block]:
    """Return the line that leads to these orders, each in its own store's admin."""
    parts: list[Part] = []
    for store, words, page in [each for each in _orders(facts) if each[2]][:MAX_ORDERS_LINKED]:
        parts += [" \u00b7 " if parts else "Open ", link(words, page), f" ({store})"]
    return [sentence(*parts)] if parts else []


def _orders(facts: Facts) -> list[Order]:
    kept = facts.get("orders")
    if isinstance(kept, list):
        return [_order(each) for each in kept if isinstance(each, Mapping)]
    acts = facts.get("acts")
    told = [acts] if isinstance(acts, str) and acts else acts if isinstance(acts, list) else []
    return [("", clean(each, 300), "") for each in told]


def _order(kept: Mapping[str, object]) -> Order:
    name = f"order {clean(kept.get('name') or '?', 60)}"
    return store_name(kept.get("store")), name, f"{kept.get('page') or ''}"
