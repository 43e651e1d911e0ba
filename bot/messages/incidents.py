"""What is wrong, how bad it is, what Tipo does about it, and what people can do.

the incident is   the message
-------------  ------------------------------------------------------------------
open           severity, the news, who is on it or is called, what Tipo did, what you can do;
               up to 3 buttons that fix it, and below them [I'm on it] [Snooze 1 h]
worse          that it goes on below
over           "resolved after 12 min, 3 products", and no button
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    SEVERITY_WORDS,
    Block,
    Message,
    Part,
    TableColumn,
    actions,
    bold,
    bullets,
    button,
    context_block,
    date,
    link,
    message,
    more_line,
    table,
    title,
)
from bot.messages.circuit_breaker import breaker_buttons, breaker_lines
from bot.messages.contest import contest_buttons, contest_lines
from bot.messages.incident_texts import (
    INCIDENT_TEXTS,
    Facts,
    IncidentText,
    moment,
    unknown_headline,
)
from bot.messages.lease import lease_buttons, older_buttons
from bot.messages.oversell import open_orders
from bot.messages.ownership import called_parts, people_buttons, people_parts, reminded_parts
from bot.messages.stock import REASONS
from bot.text import between, clean, counted, when
from sync_core.domain.values import Severity

Body = Mapping[str, Any]
COLUMNS = (TableColumn("What", wrapped=True), TableColumn("Why", wrapped=True))
KINDS_WITH_TABLE = {
    *("suspended", "conflict", "differs", "renamed", "product_unread"),
    *("location_closed", "location_refused", "stock_unread"),
}


def headline_of(body: Body) -> list[Part]:
    """Return what an incident is about, in one sentence."""
    facts = {"store": body.get("store"), **_facts(body)}
    words = INCIDENT_TEXTS.get(f"{body.get('kind')}")
    if words is not None:
        parts = words.headline(facts, size(body))
        ends = isinstance(parts[-1], str) and parts[-1].endswith(".")
        return parts if ends else [*parts, "."]
    return unknown_headline(f"{body.get('kind') or 'something'}", facts)


def _facts(body: Body) -> Facts:
    facts = body.get("facts")
    return facts if isinstance(facts, Mapping) else {}


def size(body: Body) -> int:
    """Return how many things an incident is about: those open now, or once it is over, all."""
    still = body.get("open")
    n = body.get("n", len(still) if isinstance(still, Mapping) else 0)
    seen = body.get("seen", 1)
    return n if isinstance(n, int) and n else seen if isinstance(seen, int) else 1


def incident(*, body: Body, now: datetime, token: str = "", moved: str = "") -> Message:
    """Say what an incident has come to.

    `token` is that of the question that it asks, `moved` the address of where it goes on.
    """
    if body.get("moved"):
        worse: list[Part] = [" It got worse: see the ", link("newer message", moved), "."]
        return message(*headline_of(body), *worse, sign="Note")
    over = moment(body.get("over"))
    if over is not None:
        return _resolved(body, over)
    words = INCIDENT_TEXTS.get(f"{body.get('kind')}", IncidentText(headline=lambda _facts, _n: []))
    lines: list[list[Part]] = []
    if words.did:
        lines.append([bold("What Tipo does: "), words.did])
    if words.can and not _facts(body).get("taking_over"):  # else somebody has done it
        lines.append([bold("What you can do: "), words.can])
    if body.get("kind") == "circuit_breaker":
        lines = breaker_lines({"store": body.get("store"), **_facts(body)})
    if body.get("kind") == "contested":
        lines = contest_lines(_facts(body))
    return message(
        *headline_of(body),
        *people_parts(body, now),
        sign=SEVERITY_WORDS.get(Severity(f"{body.get('severity')}"), "Note")
        if body.get("severity") in set(Severity)
        else "Warning",
        blocks=[
            *_details(body),
            *([bullets(lines)] if lines else []),
            *buttons(body, token, now),
            *_since(body, now),
        ],
    )


def _since(body: Body, now: datetime) -> list[Block]:
    """Return since when it has been so."""
    opened = moment(body.get("opened"))
    if opened is None or body.get("kind") == "mode":
        return []
    lasting = f" \u00b7 open for {between(opened, now)}" if (now - opened).seconds > 3600 else ""  # noqa: PLR2004
    return [context_block(f"Since {when(opened)}{lasting}")]


def _details(body: Body) -> list[Block]:
    """Return the things that an incident is about, if there are several."""
    if body.get("kind") == "oversold":
        return open_orders(_facts(body))
    rows = body.get("rows")
    n = size(body)
    if n < 2 or not isinstance(rows, list) or body.get("kind") not in KINDS_WITH_TABLE:  # noqa: PLR2004
        return []
    blocks, shown = table(COLUMNS, ((row[1], REASONS.get(row[2], row[2]) or None) for row in rows))
    return [*blocks, *more_line(n - shown, "/tipo drift")]


BUTTONS_BY_KIND: Mapping[object, Callable[[Facts, str], list[Block]]] = {
    "circuit_breaker": breaker_buttons,
    "contested": contest_buttons,
    "lease": lease_buttons,
    "older_database": older_buttons,
}


def buttons(body: Body, token: str, now: datetime) -> list[Block]:
    """Return the buttons of an open incident: what fixes it, then who is on it."""
    return [*_buttons(body, token), *people_buttons(body, now)]


def _buttons(body: Body, token: str) -> list[Block]:
    """Return what can be done about it at once; three buttons at most."""
    kind = body.get("kind")
    if kind in BUTTONS_BY_KIND:
        return BUTTONS_BY_KIND[kind]({"store": body.get("store"), **_facts(body)}, token)
    subject = f"{body.get('subject') or ''}"
    if subject.startswith("pool:"):
        pool = subject.removeprefix("pool:")
        return actions(
            "incident",
            button(Action.POOL_STOCK, "Live numbers", pool),
            button(Action.POOL_HISTORY, "Why?", pool),
        )
    if kind in {"suspended", "conflict", "differs", "books"}:
        return actions("incident", button(Action.DRIFT, "Show mismatches", "drift"))
    if kind == "paused":
        return actions("incident", button(Action.HOME_RESUME, "Resume", "resume"))
    return []


def _resolved(body: Body, over: datetime) -> Message:
    """Say that it is over, and how long it took."""
    opened = moment(body.get("opened")) or over
    seen = body.get("seen")
    many = f", {counted(seen, 'product')}" if isinstance(seen, int) and seen > 1 else ""
    return message(
        "It was: ",
        *headline_of(body),
        sign="Resolved",
        word=f"Resolved after {between(opened, over)}{many}.{_ended(body)}",
        blocks=[context_block(f"From {when(opened)} to {when(over)}")],
    )


def _ended(body: Body) -> str:
    """Return how it ended, where somebody decided."""
    return ENDS.get(f"{_facts(body).get('ended')}", "")


ENDS = {
    "released": " The new numbers were applied.",
    "discarded": " The stock was restored.",
    "explained": " Orders explain it.",
    "put_right": " Somebody corrected the numbers.",
    "resumed": " Tipo updates it again.",
    "started_over": " Its numbers were compared again from the start.",
}


def lines_of(lines: Mapping[str, Body], links: Mapping[str, str]) -> list[list[Part]]:
    """Return several incidents, a line each, the worst first; each leads to its own message."""
    ordered = sorted(lines.items(), key=lambda each: (bool(each[1].get("over")), -_rank(each[1])))
    return [[*_line(each), *_open_alert(links.get(key))] for key, each in ordered]


def _open_alert(url: str | None) -> list[Part]:
    return [" ", link("Open alert", url)] if url else []


def _rank(body: Body) -> int:
    return (
        ["info", "warning", "critical"].index(f"{body.get('severity')}")
        if body.get("severity") in set(Severity)
        else 1
    )


def _line(body: Body) -> list[Part]:
    """Return one incident of a summary."""
    over, opened = moment(body.get("over")), moment(body.get("opened"))
    if over is not None and opened is not None:
        return [bold(f"Resolved after {between(opened, over)}: "), *headline_of(body)]
    word = (
        SEVERITY_WORDS.get(Severity(f"{body['severity']}"), "Note") if _known(body) else "Warning"
    )
    return [bold(f"{word}: "), *headline_of(body), *reminded_parts(body)]


def _known(body: Body) -> bool:
    return body.get("severity") in set(Severity)


def summary(
    *, body: Body, head: str, sign: str = "Note", links: Mapping[str, str] = MappingProxyType({})
) -> Message:
    """Say several incidents in one message; `links` are those to messages of their own."""
    known = body.get("lines")
    left = body.get("left")
    told = lines_of(known if isinstance(known, Mapping) else {}, links)
    shown = told[:30]
    hidden = len(told) - len(shown) + (left if isinstance(left, int) else 0)
    return message(
        head,
        *called_parts(body),
        sign=sign,
        blocks=[*([bullets(shown)] if shown else []), *more_line(hidden, "/tipo drift")],
    )


def reminder_of_one(*, line: Body, body: Body, buttons: Sequence[Block] = ()) -> Message:
    """Remind people of one incident: what it is about is in the first line, as for phones."""
    return message(
        *headline_of(line),
        *reminded_parts(line),
        *called_parts(body),
        sign="Critical",
        word="Critical, still open:",
        blocks=buttons,
    )


def thread(*, rows: list[Any]) -> Message:
    """Say step by step what happened, for a thread."""
    lines: list[list[Part]] = []
    for at, name, word in rows:
        stamp = moment(at)
        told = clean(REASONS.get(word, word), 100)
        lines.append([*([date(stamp), "  "] if stamp else []), title(name), f": {told}"])
    return message(
        f"{counted(len(rows), 'step')}, the last: {clean(rows[-1][1], 80)}."
        if rows
        else "No details.",
        blocks=[bullets(lines)] if lines else [],
    )
