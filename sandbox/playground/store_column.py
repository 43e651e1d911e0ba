"""A store's column: its stock, what can be done in it, what went on, and its trouble."""

from html import escape

from sandbox.models import ShopVariant, StockLogEntry
from sandbox.playground.actions import has_trouble
from sandbox.playground.snapshot import PlaygroundSnapshot
from sandbox.playground.steps import TROUBLES, Step
from sandbox.playground.tally import BY_SYNC
from sandbox.shop import Shop

MAX_LINES = 6  # of what went on
DEEDS = {"sale": "sold", "refund": "refunded", "restock": "restocked", "edit": "set by staff"}
ROLES = {"eu": "Source store", "us": "Destination store"}


def store_column(now: PlaygroundSnapshot, alias: str) -> str:
    """Return a store's column."""
    shop = now.world.shops[alias]
    trouble = any(has_trouble(shop, each) for each in TROUBLES)
    badge = '<span class="badge bad">In trouble</span>' if trouble else ""
    head = (
        f'<header><p class="kicker">{ROLES[alias]} {badge}</p><h2>{escape(shop.name)}</h2></header>'
    )
    parts = (_hero(now, shop), _products(now, shop), _deeds(alias), _log(shop))
    return head + "".join(parts) + _troubles(shop, alias)


def name_of(variant: ShopVariant) -> str:
    """Return what people call a variant."""
    return f"{variant.product.title}, {variant.title}"


def variant_of(shop: Shop, sku: str) -> ShopVariant:
    """Return the variant with a SKU."""
    return shop.item(sku).variant


def _hero(now: PlaygroundSnapshot, shop: Shop) -> str:
    sku = now.world.focus
    quantity = shop.available(sku)
    sign = " neg" if quantity < 0 else ""
    return (
        f'<div class="hero"><p class="product">{escape(name_of(variant_of(shop, sku)))}</p>'
        f'<p class="big{sign}" data-flash="{quantity}"><span>{_n(quantity)}</span> '
        f"<small>available</small></p></div>"
    )


def _products(now: PlaygroundSnapshot, shop: Shop) -> str:
    """Return all products by size; a click chooses the one to play with."""
    sizes = [each.title for each in next(iter(shop.products.values())).variants]
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in sizes)
    rows = ""
    for product in shop.products.values():
        cells = "".join(_quantity(now, shop, each) for each in product.variants)
        rows += f'<tr><th scope="row">{escape(product.title)}</th>{cells}</tr>'
    return (
        f'<table class="stock"><caption class="sr">Stock in {escape(shop.name)}</caption>'
        f'<thead><tr><th scope="col"><span class="sr">Product</span></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _quantity(now: PlaygroundSnapshot, shop: Shop, variant: ShopVariant) -> str:
    sku = variant.sku or ""
    quantity, chosen = shop.available(sku), sku == now.world.focus
    label = f"{name_of(variant)}: {quantity}"
    return (
        f'<td><button type="button" class="cell" data-act="focus" data-sku="{escape(sku)}" '
        f'aria-pressed="{str(chosen).lower()}" aria-label="{escape(label)}" '
        f'data-flash="{quantity}"><span>{_n(quantity)}</span></button></td>'
    )


def _n(quantity: int) -> str:
    return f"{quantity}".replace("-", "\u2212")


def _deeds(alias: str) -> str:
    """Return what customers and staff can do: with the product in focus, `{n}` as in the field."""
    store = alias.upper()

    def button(verb: str, label: str, hint: str) -> str:
        step = str(Step(verb, (alias, "{sku}", "{n}")))
        return (
            f'<button type="button" data-act="do" data-step="{step}" data-units="units-{alias}" '
            f'title="{hint}" aria-label="{label} in {store}">{label}</button>'
        )

    return (
        f'<div class="deeds"><label class="units"><span>Units</span>'
        f'<input id="units-{alias}" type="number" min="0" max="999" value="1" '
        f'aria-label="Units in {store}"></label>'
        + button("sell", "Sell", "A customer buys")
        + button("refund", "Refund", "Of the last order, and back on sale")
        + button("restock", "Restock", "A delivery arrives")
        + button("edit", "Set to", "Staff set the number by hand")
        + "</div>"
    )


def _log(shop: Shop) -> str:
    lines = [_line(shop, each) for each in reversed(shop.log[-MAX_LINES:])]
    lines += ['<li class="none">&nbsp;</li>'] * (MAX_LINES - len(lines))
    if not shop.log:
        lines[0] = '<li class="none">Nothing sold yet. Press Sell, or play a story.</li>'
    return (
        f'<ul class="log" aria-label="What happened in {escape(shop.name)}">{"".join(lines)}</ul>'
    )


def _line(shop: Shop, entry: StockLogEntry) -> str:
    delta = f"{entry.delta:+d}".replace("-", "\u2212")
    by_tipo = entry.by == BY_SYNC
    words = "by Tipo" if by_tipo else DEEDS.get(entry.what, entry.what)
    size = shop.items[entry.item].variant
    return (
        f'<li class="{"tipo" if by_tipo else "people"}"><b>{delta}</b> {escape(words)} '
        f"<span>{escape(name_of(size))}</span><time>{entry.at:%H:%M:%S}</time></li>"
    )


def _troubles(shop: Shop, alias: str) -> str:
    switches = ""
    for verb, words in TROUBLES.items():
        on = has_trouble(shop, verb)
        step = Step(verb, (alias, "off" if on else "on"))
        switches += (
            f'<button type="button" class="switch" data-act="do" data-step="{step}" '
            f'aria-pressed="{str(on).lower()}">{words}</button>'
        )
    return (
        f'<details class="trouble" data-key="trouble-{alias}"><summary>Make trouble</summary>'
        f'<div class="switches" role="group" aria-label="Trouble in {escape(shop.name)}">'
        f'{switches}<button type="button" class="switch" data-act="last">'
        "Sell the last one in both at once</button></div></details>"
    )
