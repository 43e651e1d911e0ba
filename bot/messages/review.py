"""The review of a report, page by page, and the form that asks for one number.

What is not decided one by one follows one choice for all others, which is previewed first.

A mismatch's fields are named `choice.<proposal>` and `number.<proposal>`, so that Slack keeps what
was typed when a page is drawn again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.messages.block_kit import (
    Action,
    Block,
    actions,
    button,
    context_block,
    divider,
    option,
    plain_text,
    sentence,
)
from bot.messages.findings import CHOICES, about, recommended, written
from bot.text import clean, counted, mrkdwn, number
from sync_core.domain.proposals import Choice, Proposal, Report
from sync_core.domain.values import MAX_QUANTITY

PAGE_SIZE = 10
LEAVE = "leave"  # no decision: it stays open
REST = "rest"  # no decision of its own: as for all others
ELEMENT = "chosen"
Picked = tuple[Choice | None, int | None]  # None: it stays open, whatever the others do
PoolDecision = Mapping[int, Picked]


def review_modal(  # noqa: PLR0913 - all that a page shows, each by its name
    *,
    report: Report,
    total: int,
    proposals: Sequence[Proposal],
    offset: int,
    chosen: PoolDecision,
    rest: Choice | None = None,
    labels: Mapping[Choice, str] | None = None,
    private_metadata: str,
) -> dict[str, Any]:
    """Return one page of the review: a menu for each mismatch, and a field for a number.

    `rest` is what is chosen for all that have no choice of their own, `labels` what may be.
    """
    shown = proposals[:PAGE_SIZE]
    blocks: list[Block] = [sentence(_where(offset, len(shown), total, len(chosen)))]
    blocks += _for_the_rest(rest, labels or {}) if shown else []
    for each in shown:
        blocks += [divider(), *_mismatch(each, chosen.get(each.id))]
    blocks += _pages(offset, total)
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": "review",
        "private_metadata": private_metadata,
        "title": plain_text(f"Review report {report.id}"[:24], 24),
        "close": plain_text("Close", 24),
        "blocks": blocks,
    }
    return {**view, "submit": plain_text("Decide", 24)} if shown else view


def _where(offset: int, shown: int, total: int, chosen: int) -> str:
    """Return which page this is, and that nothing happens before it is submitted."""
    if not shown:
        return "Nothing is open here any more."
    span = f"Mismatches {number(offset + 1)} to {number(offset + shown)} of {number(total)}."
    picked = f" {counted(chosen, 'choice')} on all pages so far." if chosen else ""
    return f"{span}{picked} Nothing is written before you press Decide."


def _for_the_rest(rest: Choice | None, labels: Mapping[Choice, str]) -> list[Block]:
    """Return the menu that decides all products without a choice of their own."""
    if not labels:
        return []
    options = [option("Leave them open", LEAVE)]
    options += [option(words, each.value) for each, words in labels.items()]
    first = next((each for each in options if rest and each["value"] == rest.value), options[0])
    menu = {
        "type": "static_select",
        "action_id": REST,
        "placeholder": plain_text("Choose"),
        "options": options,
        "initial_option": first,
    }
    return [_field(REST, "All products that you don't decide below, on any page", menu)]


def _mismatch(proposal: Proposal, chosen: Picked | None) -> list[Block]:
    """Return one mismatch with its fields."""
    options = [option("Like all others", REST), option("Leave it open", LEAVE)]
    options += [
        option(each.words or CHOICES[each.choice], each.choice.value, written(each.writes, 2))
        for each in {each.choice: each for each in proposal.options}.values()
    ]
    wanted = REST if chosen is None else (chosen[0].value if chosen[0] else LEAVE)
    first = next((each for each in options if each["value"] == wanted), options[0])
    menu = {
        "type": "static_select",
        "action_id": ELEMENT,
        "placeholder": plain_text("Choose"),
        "options": options,
        "initial_option": first,
    }
    fields: list[Block] = [
        sentence(*about(proposal), "."),
        context_block(f"Suggested fix: {mrkdwn(recommended(proposal))}"),
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
        "label": plain_text(label, 150),
        "element": element,
    }


def _number(typed: int | None) -> dict[str, Any]:
    """Return a field for a whole number."""
    element: dict[str, Any] = {
        "type": "number_input",
        "action_id": ELEMENT,
        "is_decimal_allowed": False,
        "min_value": "0",
        "max_value": f"{MAX_QUANTITY}",
    }
    return {**element, "initial_value": f"{typed}"} if typed is not None else element


def _pages(offset: int, total: int) -> list[Block]:
    """Return the buttons that turn pages."""
    back = max(offset - PAGE_SIZE, 0)
    return actions(
        "review-pages",
        button(Action.REVIEW_PREVIOUS, "Previous", f"{back}") if offset else None,
        button(Action.REVIEW_NEXT, "Next", f"{offset + PAGE_SIZE}")
        if offset + PAGE_SIZE < total
        else None,
    )


def read_review(state: Mapping[str, Any]) -> dict[int, Picked]:
    """Return what was chosen on this page, by proposal; what follows the rest is not in it."""
    found: dict[int, Picked] = {}
    for key, value in _page(state).items():
        if value == LEAVE:
            found[key] = (None, None)
        elif value in set(Choice):
            found[key] = (Choice(value), _typed(state, key))
    return found


def read_rest(state: Mapping[str, Any]) -> Choice | None:
    """Return what was chosen for all others; None if they stay open."""
    picked = _selected(_values(state).get(REST) or {}, REST)
    return Choice(picked) if picked in set(Choice) else None


def chosen_after(chosen: PoolDecision, state: Mapping[str, Any]) -> dict[int, Picked]:
    """Return all that is chosen once this page is read; what was set back is forgotten."""
    here = _page(state)
    kept = {key: each for key, each in chosen.items() if key not in here}
    return {**kept, **read_review(state)}


def _page(state: Mapping[str, Any]) -> dict[int, str]:
    """Return the values of a page's menus, by proposal."""
    found: dict[int, str] = {}
    for block_id, fields in _values(state).items():
        name, _, key = block_id.partition(".")
        if name == "choice" and key.isdecimal():
            found[int(key)] = _selected(fields)
    return found


def _selected(fields: Mapping[str, Any], name: str = ELEMENT) -> str:
    """Return the value of a menu."""
    return str(((fields.get(name) or {}).get("selected_option") or {}).get("value") or "")


def _typed(state: Mapping[str, Any], key: int) -> int | None:
    """Return the number that was typed beside a proposal."""
    return _whole(_values(state).get(f"number.{key}", {}))


def _whole(fields: Mapping[str, Any]) -> int | None:
    """Return a whole number from a field, or nothing."""
    words = (fields.get(ELEMENT) or {}).get("value") or ""
    is_whole = words.isascii() and words.isdecimal() and len(words) <= len(f"{MAX_QUANTITY}")
    return int(words) if is_whole and int(words) <= MAX_QUANTITY else None


def _values(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a view's state, which may be handed in whole."""
    values: Mapping[str, Any] = state.get("values", state)
    return values


def review_errors(state: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong on this page, by block."""
    errors: dict[str, str] = {}
    for key, choice in _page(state).items():
        typed = _typed(state, key)
        if choice == Choice.USE_NUMBER and typed is None:
            errors[f"number.{key}"] = "Enter a whole number, 0 or more."
        elif choice != Choice.USE_NUMBER and typed is not None:
            errors[f"number.{key}"] = "Choose to enter a number, or leave this empty."
    return errors


def number_modal(*, proposal: Proposal, private_metadata: str) -> dict[str, Any]:
    """Return the form that asks for one number."""
    element = _number(None)
    return {
        "type": "modal",
        "callback_id": "number",
        "private_metadata": private_metadata,
        "title": plain_text("Use a number", 24),
        "submit": plain_text("Use it", 24),
        "close": plain_text("Cancel", 24),
        "blocks": [
            sentence(*about(proposal), "."),
            {
                "type": "input",
                "block_id": "number",
                "label": plain_text("How many units are there really?"),
                "hint": plain_text("Every store is set to this number.", 150),
                "element": element,
            },
        ],
    }


def read_number(state: Mapping[str, Any]) -> int | None:
    """Return the number that was entered, or nothing if it is none."""
    return _whole(_values(state).get("number", {}))
