"""The review of a report, page by page, and the form that asks for one number.

    a mismatch                           its menu shows, until somebody chooses
    -----------------------------------  ------------------------------------------------
    a choice for all others that it has  that choice
    a choice for all others: suggested   what is suggested, if that is safe
    anything else                        "Leave it open"
    that is decided meanwhile            no menu: who decided, and what

A menu's block is named `choice.<mismatch>.<what it shows by itself>.<1: its suggestion is safe>`:
so what somebody chose is told from what nobody did, and another choice for all others is shown at
once. A number's field is named `number.<mismatch>`, and is there while a number is to be entered.
Slack keeps what is in a field as long as its name stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Part,
    actions,
    button,
    context_block,
    divider,
    option,
    plain_text,
    sentence,
)
from bot.messages.findings import (
    CHOICES,
    about,
    levels,
    product,
    suggestion_line,
    why_line,
    written,
)
from bot.messages.proposals import IGNORED, ending
from bot.text import clean, counted, number, number_in
from sync_core.domain.bulk_decisions import BulkChoice, default_of
from sync_core.domain.proposals import Choice, Proposal, ProposalState, Report
from sync_core.domain.values import MAX_QUANTITY

PAGE_SIZE = 10
LEAVE = "leave"  # no decision: it stays open
SUGGESTED = "suggested"  # for all others: what is suggested for each, where that is safe
REST = "rest"  # the menu for all others; of an older form also: no decision of its own
ELEMENT = "chosen"
MISSING_NUMBER = "Enter a whole number, 0 or more."


class Picked(NamedTuple):
    """What somebody chose for one mismatch."""

    choice: Choice | None  # None: it stays open, also if all others are decided
    number: int | None = None
    is_safe: bool = False  # its suggestion is safe, and would be applied without this choice


PoolDecision = Mapping[int, Picked]


def review_modal(  # noqa: PLR0913 - all that a page shows, each by its name
    *,
    report: Report,
    total: int,
    proposals: Sequence[Proposal],
    offset: int,
    chosen: PoolDecision,
    rest: str = LEAVE,
    labels: Mapping[Choice | None, str] | None = None,
    notice: str = "",
    private_metadata: str,
) -> dict[str, Any]:
    """Return one page of the review: both numbers, why, and a menu for each mismatch.

    `rest` is what is chosen for all that have no choice of their own, `labels` what may be.
    `notice` says why the page could not be turned.
    """
    shown = proposals[:PAGE_SIZE]
    blocks: list[Block] = [sentence(notice)] if notice else []
    blocks.append(sentence(_where(offset, total, rest, report.safe) if shown else NOTHING_OPEN))
    blocks += _for_the_rest(rest, labels or {}) if shown else []
    for each in shown:
        blocks += [divider(), *_mismatch(each, chosen.get(each.id), rest)]
    blocks += _pages(offset, total)
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": "review",
        "private_metadata": private_metadata,
        "title": plain_text(f"Review report {report.id}"[:24], 24),
        "close": plain_text("Close", 24),
        "blocks": blocks,
    }
    label = submit_label(rest, chosen, report.safe)
    return {**view, "submit": plain_text(label, 24)} if shown else view


NOTHING_OPEN = "Nothing is open here any more."


def submit_label(rest: str, chosen: PoolDecision, safe: int) -> str:
    """Return what the button of the form says: how many fixes it applies, on all pages."""
    if rest not in {LEAVE, SUGGESTED}:
        return "Preview"
    n = count_chosen(rest, chosen, safe)
    if n < 1:
        return "Nothing chosen"
    is_ignoring = any(each.choice in IGNORED for each in chosen.values())
    return f"Apply {counted(n, 'choice')}" if is_ignoring else f"Apply {counted(n, 'fix', 'fixes')}"


def count_chosen(rest: str, chosen: PoolDecision, safe: int) -> int:
    """Return how many mismatches a form decides; `safe`: how many have a safe suggestion."""
    alone = sum(each.choice is not None for each in chosen.values())
    if rest != SUGGESTED:
        return alone
    return safe - sum(each.is_safe for each in chosen.values()) + alone


def _where(offset: int, total: int, rest: str, safe: int) -> str:
    """Return which page this is, what is chosen already, and that nothing happens yet."""
    page, pages = offset // PAGE_SIZE + 1, max(-(-total // PAGE_SIZE), 1)
    at = f", page {number(page)} of {number(pages)}" if pages > 1 else ""
    chosen = ""
    if rest == SUGGESTED:
        fixes = "The safe fix is" if safe == 1 else f"The {number(safe)} safe fixes are"
        chosen = f" {fixes} chosen already; what needs your decision stays open."
    return (
        f"{counted(total, 'mismatch', 'mismatches')} open{at}.{chosen} "
        "Nothing is written before you press the button."
    )


def _for_the_rest(rest: str, labels: Mapping[Choice | None, str]) -> list[Block]:
    """Return the menu that decides all products without a choice of their own."""
    if not labels:
        return []
    options = [
        option(words, SUGGESTED if each is None else each.value) for each, words in labels.items()
    ]
    menu = _menu(Action.REVIEW_REST, [*options, option("Leave them open", LEAVE)], rest)
    return [_field(REST, "All products that you don't change below, on any page", menu, sends=True)]


def _mismatch(proposal: Proposal, chosen: Picked | None, rest: str) -> list[Block]:
    """Return one mismatch: both numbers, why, what is suggested, and its menu."""
    head: list[Part] = [product(proposal)]
    if proposal.state is not ProposalState.OPEN:
        return [sentence(*head, ". Already decided. ", *ending(proposal))]
    shown, why = levels(proposal), why_line(proposal.facts)
    head += [f": {shown}"] if shown else []
    small = [why] if why else []
    default = shown_by_itself(proposal, rest)
    value = default if chosen is None else chosen.choice or LEAVE
    menu = _menu(Action.REVIEW_CHOICE, _options(proposal), value)
    name = f"choice.{proposal.id}.{default}.{int(default_of(proposal) is not None)}"
    return [
        sentence(*head),
        context_block(" \u00b7 ".join([*small, suggestion_line(proposal)])),
        _field(name, f"Decision for {clean(proposal.title, 60)}", menu, sends=True),
        *([_number_field(proposal, chosen)] if value == Choice.USE_NUMBER else []),
    ]


def shown_by_itself(proposal: Proposal, rest: str) -> str:
    """Return what a menu shows while nobody has chosen."""
    if rest == SUGGESTED:
        return default_of(proposal) or LEAVE
    for_all = BulkChoice(choice=Choice(rest)).option(proposal) if rest != LEAVE else None
    return LEAVE if for_all is None else for_all.choice


def _options(proposal: Proposal) -> list[dict[str, Any]]:
    """Return what may be chosen for a mismatch, the suggestion first."""
    each_once = {each.choice: each for each in proposal.options}.values()
    ordered = sorted(each_once, key=lambda each: each.choice is not proposal.recommended)
    options = [
        option(each.words or CHOICES[each.choice], each.choice.value, written(each.writes, 2))
        for each in ordered
    ]
    return [*options, option("Leave it open", LEAVE)]


def _number_field(proposal: Proposal, chosen: Picked | None) -> Block:
    """Return the field for a number."""
    typed = chosen.number if chosen else None
    label = f"Units of {clean(proposal.title, 60)}"
    return {
        **_field(f"number.{proposal.id}", label, _number(typed)),
        "hint": plain_text(EVERYWHERE),
    }


EVERYWHERE = "Every store is set to this number."


def _menu(action: str, options: Sequence[dict[str, Any]], value: str) -> dict[str, Any]:
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain_text("Choose"),
        "options": options,
        "initial_option": next((o for o in options if o["value"] == value), options[-1]),
    }


def _field(block_id: str, label: str, element: dict[str, Any], *, sends: bool = False) -> Block:
    """Return a field that has to be filled; `sends`: Slack tells us of each change."""
    field: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain_text(label, 150),
        "element": element,
    }
    return {**field, "dispatch_action": True} if sends else field


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
        button(Action.REVIEW_PREVIOUS, "Previous page", f"{back}") if offset else None,
        button(Action.REVIEW_NEXT, "Next page", f"{offset + PAGE_SIZE}")
        if offset + PAGE_SIZE < total
        else None,
    )


# -- what somebody entered
class _Menu(NamedTuple):
    """A menu of a page, as it was sent."""

    block: str
    key: int  # the mismatch
    default: str  # what it showed by itself
    is_safe: bool
    value: str


def chosen_after(chosen: PoolDecision, state: Mapping[str, Any]) -> dict[int, Picked]:
    """Return all that is chosen once this page is read; what was set back is forgotten."""
    found = dict(chosen)
    for each in _menus(state):
        before = found.pop(each.key, None)
        kept = before is not None and (before.choice or LEAVE) == each.value
        if kept or each.value != each.default:
            found[each.key] = _picked(state, each)
    return found


def read_rest(state: Mapping[str, Any]) -> str:
    """Return what was chosen for all others."""
    picked = _selected(_values(state).get(REST) or {})
    return picked if picked == SUGGESTED or picked in set(Choice) else LEAVE


def missing_numbers(state: Mapping[str, Any]) -> list[int]:
    """Return the mismatches of this page for which a number is to be entered, and is not."""
    return [
        each.key
        for each in _menus(state)
        if each.value == Choice.USE_NUMBER and _typed(state, each.key) is None
    ]


def enter_first(names: Sequence[str]) -> str:
    """Return why a page cannot be turned: a number is missing."""
    told = ", ".join(clean(each, 60) for each in names[:3])
    return f"Enter the number for {told} first, then turn the page."


def review_errors(state: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong on this page, by block."""
    errors: dict[str, str] = {}
    for each in _menus(state):
        field, typed = f"number.{each.key}", _typed(state, each.key)
        if each.value == Choice.USE_NUMBER and typed is None:
            has_field = field in _values(state)  # Slack had no time to draw it
            again = "Choose it again: then there is a field for the number."
            errors[field if has_field else each.block] = MISSING_NUMBER if has_field else again
        elif each.value != Choice.USE_NUMBER and typed is not None:
            errors[field] = "Choose to enter a number, or leave this empty."
    return errors


def _menus(state: Mapping[str, Any]) -> Iterable[_Menu]:
    """Yield the menus of a page; those of a form that an older version drew have no default."""
    for block_id, fields in _values(state).items():
        match block_id.split("."):
            case ["choice", key] if (proposal := number_in(key)) is not None:
                value = _selected(fields) or REST
                yield _Menu(block_id, proposal, REST, is_safe=False, value=value)
            case ["choice", key, default, is_safe] if (proposal := number_in(key)) is not None:
                value = _selected(fields) or default
                yield _Menu(block_id, proposal, default, is_safe=is_safe == "1", value=value)


def _picked(state: Mapping[str, Any], menu: _Menu) -> Picked:
    """Return what was chosen in a menu."""
    choice = Choice(menu.value) if menu.value in set(Choice) else None
    typed = _typed(state, menu.key) if choice is Choice.USE_NUMBER else None
    return Picked(choice, typed, menu.is_safe)


def _selected(fields: Mapping[str, Any]) -> str:
    """Return the value of a menu."""
    field = next(iter(fields.values()), None) or {}
    return str((field.get("selected_option") or {}).get("value") or "")


def _typed(state: Mapping[str, Any], key: int) -> int | None:
    """Return the number that was typed beside a proposal."""
    return _whole(_values(state).get(f"number.{key}", {}))


def _whole(fields: Mapping[str, Any]) -> int | None:
    """Return a whole number from a field, or nothing."""
    units = number_in((fields.get(ELEMENT) or {}).get("value") or "")
    return None if units is None or units > MAX_QUANTITY else units


def _values(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a view's state, which may be handed in whole."""
    values: Mapping[str, Any] = state.get("values", state)
    return values


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
                "hint": plain_text(EVERYWHERE, 150),
                "element": element,
            },
        ],
    }


def read_number(state: Mapping[str, Any]) -> int | None:
    """Return the number that was entered, or nothing if it is none."""
    return _whole(_values(state).get("number", {}))
