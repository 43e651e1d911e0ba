"""Below the columns: the equation of what is shared, and the naive sync beside Tipo."""

import inspect
from collections.abc import Iterable
from html import escape

from sandbox.playground import naive_sync
from sandbox.playground.snapshot import Lane, PlaygroundSnapshot
from sandbox.playground.store_column import name_of, variant_of
from sync_core.domain.audit import LevelBooks
from sync_core.domain.views import HistoryEntry

NAIVE_CODE = inspect.getsource(naive_sync.NaiveSync)


def _n(number: int | None, *, sign: bool = False) -> str:
    if number is None:
        return "none"
    return f"{number:+d}".replace("-", "\u2212") if sign else f"{number}".replace("-", "\u2212")


# -- the equation
def equation(now: PlaygroundSnapshot) -> str:
    """Return how the shared quantity, and each store's book, come about: term by term."""
    head = '<h2>Where every unit comes from</h2><p class="lead">Tipo\u2019s own books, live.</p>'
    books = now.books
    if books is None or books.shared is None:
        return f'{head}<p class="empty">The books begin with the initial comparison.</p>'
    name = escape(name_of(variant_of(now.world.shops["eu"], now.world.focus)))
    moved = [each for each in now.history if each.kind == "movement"]
    decided = [each for each in now.history if each.kind == "decision"]
    terms = (
        _sum("shared", _n(books.shared))
        + '<span class="op">=</span>'
        + _term("first", _n(books.first_shared), ["What both stores had at first"])
        + _added("movements", books.movements, map(_moved, moved))
        + _added("decisions", books.decisions, map(_decided, decided))
    )
    levels = "".join(_book(now, each) for each in books.levels)
    return f'{head}<p class="product">{name}</p><div class="sum">{terms}</div>{levels}'


def _sum(label: str, value: str) -> str:
    return f'<span class="whole"><b>{value}</b><small>{label}</small></span>'


def _term(label: str, value: str, lines: Iterable[str], key: str = "shared") -> str:
    """Return a term that opens to what it is made of."""
    rows = "".join(f"<li>{escape(each)}</li>" for each in lines) or "<li>None yet</li>"
    return (
        f'<details class="term" data-key="term-{key}-{label}"><summary><b>{value}</b>'
        f'<small>{label}</small></summary><ul tabindex="0">{rows}</ul></details>'
    )


def _added(label: str, value: int, lines: Iterable[str], key: str = "shared") -> str:
    """Return a term with its sign before it."""
    sign = "\u2212" if value < 0 else "+"
    return f'<span class="op">{sign}</span>{_term(label, f"{abs(value)}", lines, key)}'


def _moved(entry: HistoryEntry) -> str:
    after = f", then {_n(entry.shared)}" if entry.shared is not None else ""
    return f"{_n(entry.delta, sign=True)} in {entry.store.upper()}: {entry.cause}{after}"


def _decided(entry: HistoryEntry) -> str:
    return f"{_n(entry.delta, sign=True)} {entry.cause}"


def _book(now: PlaygroundSnapshot, level: LevelBooks) -> str:
    store = level.store
    mine = [each for each in now.history if each.store == store]
    moved = [_moved(each) for each in mine if each.kind == "movement"]
    written = [
        f"{_n(each.delta, sign=True)} written by Tipo"
        + (f" after {each.seconds:.1f} s" if each.seconds is not None else "")
        for each in mine
        if each.kind == "adjustment" and each.state == "settled"
    ]
    return (
        f'<div class="sum small"><span class="whole"><b>{_n(level.book)}</b>'
        f"<small>book of {store.upper()}</small></span>"
        '<span class="op">=</span>'
        + _term("first", _n(level.first_book), ["What it showed at first"], store)
        + _added("movements", level.movements, moved, store)
        + _added("written", level.written, written, store)
        + "</div>"
    )


# -- the two lanes
def lanes(now: PlaygroundSnapshot) -> str:
    """Return the same day twice: with Tipo, and with a naive sync."""
    return (
        "<h2>The same customers, with a naive sync</h2>"
        '<p class="lead">It copies the total that a webhook reports to the other store. '
        "Its stores are its own; everything that happens above happens here, too.</p>"
        '<div class="versus">'
        + _lane(now, now.naive, "Naive sync", "naive")
        + _lane(now, now.tipo, "Tipo", "tipo")
        + '</div><details class="code" data-key="naive-code"><summary>The naive sync, all of it'
        f'</summary><pre tabindex="0">{escape(NAIVE_CODE)}</pre></details>'
    )


def _lane(now: PlaygroundSnapshot, lane: Lane, title: str, kind: str) -> str:
    tally = lane.tally
    shows = "".join(
        f'<span data-flash="{shop.available(now.world.focus)}"><small>{alias.upper()}</small> '
        f"<b>{_n(shop.available(now.world.focus))}</b></span>"
        for alias, shop in lane.shops.items()
    )
    state, words = "good", "none"
    if tally.total:
        state, words = "bad", f"{tally.invented} invented, {tally.lost} lost"
    elif lane.off.total:
        state, words = "wait", f"{lane.off.total} on their way"
    return (
        f'<section class="lane {kind}"><h3>{title}</h3><p class="shows">{shows}</p>'
        f'<p class="score {state}"><b data-flash="{tally.total}">{tally.total}</b> '
        f"units lost or invented<small>{words}</small></p></section>"
    )
