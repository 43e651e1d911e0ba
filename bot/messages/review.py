"""The review of a report, page by page, and the form that asks for one number.

A finding's fields are named `choice.<proposal>` and `number.<proposal>`, so that Slack keeps what
was typed when a page is drawn anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.messages.findings import CHOICES, about, recommended, written
from bot.messages.kit import (
    Action,
    Block,
    actions,
    button,
    context,
    divider,
    option,
    plain,
    sentence,
)
from bot.text import clean, counted, mrkdwn, number
from sync_core.domain.proposals import Choice, Proposal, Report
from sync_core.domain.values import GREATEST

PAGE = 8
LEAVE = "leave"  # no decision: it stays open
ELEMENT = "chosen"
Chosen = Mapping[int, tuple[Choice, int | None]]


def review_modal(
    *,
    report: Report,
    total: int,
    proposals: Sequence[Proposal],
    offset: int,
    chosen: Chosen,
    private_metadata: str,
) -> dict[str, Any]:
    """Return one page of the review: a menu for each finding, and a field for a number."""
    shown = proposals[:PAGE]
    blocks: list[Block] = [sentence(_where(offset, len(shown), total, len(chosen)))]
    for each in shown:
        blocks += [divider(), *_finding(each, chosen.get(each.id))]
    blocks += _pages(offset, total)
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": "review",
        "private_metadata": private_metadata,
        "title": plain(f"Review report {report.id}"[:24], 24),
        "close": plain("Close", 24),
        "blocks": blocks,
    }
    return {**view, "submit": plain("Decide", 24)} if shown else view


def _where(offset: int, shown: int, total: int, chosen: int) -> str:
    """Return which page this is, and that nothing happens before it is submitted."""
    if not shown:
        return "Nothing is open here any more."
    span = f"Findings {number(offset + 1)} to {number(offset + shown)} of {number(total)}."
    picked = f" {counted(chosen, 'decision')} on all pages so far." if chosen else ""
    return f"{span}{picked} Nothing is written before you press Decide."


def _finding(proposal: Proposal, chosen: tuple[Choice, int | None] | None) -> list[Block]:
    """Return one finding with its fields."""
    options = [option("Leave it open", LEAVE)]
    options += [
        option(each.words or CHOICES[each.choice], each.choice.value, written(each.writes, 2))
        for each in {each.choice: each for each in proposal.options}.values()
    ]
    wanted = chosen[0].value if chosen else LEAVE
    first = next((each for each in options if each["value"] == wanted), options[0])
    menu = {
        "type": "static_select",
        "action_id": ELEMENT,
        "placeholder": plain("Choose"),
        "options": options,
        "initial_option": first,
    }
    fields: list[Block] = [
        sentence(*about(proposal), "."),
        context(f"We suggest: {mrkdwn(recommended(proposal))}"),
        _field(f"choice.{proposal.id}", f"Decision for {clean(proposal.title, 60)}", menu),
    ]
    if any(each.choice is Choice.USE_NUMBER for each in proposal.options):
        typed = chosen[1] if chosen else None
        fields.append(_field(f"number.{proposal.id}", "Number, if you enter one", _number(typed)))
    return fields


def _field(block_id: str, label: str, element: dict[str, Any]) -> Block:
    """Return a field that may be left empty."""
    return {
        "type": "input",
        "block_id": block_id,
        "optional": True,
        "label": plain(label, 150),
        "element": element,
    }


def _number(typed: int | None) -> dict[str, Any]:
    """Return a field for a whole number."""
    element: dict[str, Any] = {
        "type": "number_input",
        "action_id": ELEMENT,
        "is_decimal_allowed": False,
        "min_value": "0",
        "max_value": f"{GREATEST}",
    }
    return {**element, "initial_value": f"{typed}"} if typed is not None else element


def _pages(offset: int, total: int) -> list[Block]:
    """Return the buttons that turn pages."""
    back = max(offset - PAGE, 0)
    return actions(
        "review-pages",
        button(Action.REVIEW_PREVIOUS, "Previous", f"{back}") if offset else None,
        button(Action.REVIEW_NEXT, "Next", f"{offset + PAGE}") if offset + PAGE < total else None,
    )


def read_review(state: Mapping[str, Any]) -> dict[int, tuple[Choice, int | None]]:
    """Return what was chosen on this page, by proposal; what is left open is not in it."""
    return {key: (each, _typed(state, key)) for key, each in _page(state).items() if each}


def chosen_after(chosen: Chosen, state: Mapping[str, Any]) -> dict[int, tuple[Choice, int | None]]:
    """Return all that is chosen once this page is read; what is set back to open is forgotten."""
    here = _page(state)
    kept = {key: each for key, each in chosen.items() if key not in here}
    return {**kept, **read_review(state)}


def _page(state: Mapping[str, Any]) -> dict[int, Choice | None]:
    """Return the choices of a page; None for what is left open."""
    found: dict[int, Choice | None] = {}
    for block_id, fields in _values(state).items():
        name, _, key = block_id.partition(".")
        if name == "choice" and key.isdecimal():
            picked = ((fields.get(ELEMENT) or {}).get("selected_option") or {}).get("value")
            found[int(key)] = Choice(picked) if picked in set(Choice) else None
    return found


def _typed(state: Mapping[str, Any], key: int) -> int | None:
    """Return the number that was typed beside a proposal."""
    return _whole(_values(state).get(f"number.{key}", {}))


def _whole(fields: Mapping[str, Any]) -> int | None:
    """Return a whole number from a field, or nothing."""
    words = (fields.get(ELEMENT) or {}).get("value") or ""
    is_whole = words.isascii() and words.isdecimal() and len(words) <= len(f"{GREATEST}")
    return int(words) if is_whole and int(words) <= GREATEST else None


def _values(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a view's state, which may be handed in whole."""
    values: Mapping[str, Any] = state.get("values", state)
    return values


def review_errors(state: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong on this page, by block."""
    errors: dict[str, str] = {}
    for key, choice in _page(state).items():
        typed = _typed(state, key)
        if choice is Choice.USE_NUMBER and typed is None:
            errors[f"number.{key}"] = "Enter a whole number, 0 or more."
        elif choice is not Choice.USE_NUMBER and typed is not None:
            errors[f"number.{key}"] = "Choose to enter a number, or leave this empty."
    return errors


def number_modal(*, proposal: Proposal, private_metadata: str) -> dict[str, Any]:
    """Return the form that asks for one number."""
    element = _number(None)
    return {
        "type": "modal",
        "callback_id": "number",
        "private_metadata": private_metadata,
        "title": plain("Use a number", 24),
        "submit": plain("Use it", 24),
        "close": plain("Cancel", 24),
        "blocks": [
            sentence(*about(proposal), "."),
            {
                "type": "input",
                "block_id": "number",
                "label": plain("How many are there really, in shared units?"),
                "hint": plain("Every store is brought to this number.", 150),
                "element": element,
            },
        ],
    }


def read_number(state: Mapping[str, Any]) -> int | None:
    """Return the number that was entered, or nothing if it is none."""
    return _whole(_values(state).get("number", {}))
