"""One choice for all that a report proposes: the form, and what it would write before it does.

    the message  ──▶  which number, who is left out  ──▶  what it would write  ──▶  done
    the review   ──▶  decided one by one, the rest ─────────────▲

Products that would go to 0 are named, and left out until somebody says otherwise.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.messages.block_kit import (
    Block,
    Part,
    bold,
    bullets,
    context_block,
    option,
    plain_text,
    sentence,
)
from bot.text import clean, counted, number, number_in, store_name, units
from sync_core.domain.bulk_decisions import FOR_ALL, BulkChoice, BulkPreview, ChangeTotals
from sync_core.domain.proposals import Choice, Proposal, ProposalState
from sync_core.domain.values import Alias

CHOICE, WITHOUT, ZEROS, ELEMENT = "for_all", "without", "zeros", "chosen"
MAX_PRODUCTS_LISTED = 100  # products that may be left out in the form itself; Review has them all
MAX_PRODUCTS_NAMED = 10  # products that the preview names


def is_for_all(proposal: Proposal) -> bool:
    """Whether a choice for all may decide a proposal."""
    is_open = proposal.state is ProposalState.OPEN
    return is_open and any(BulkChoice(choice=each).option(proposal) for each in FOR_ALL)


def labels(stores: Collection[str], source: str) -> dict[Choice | None, str]:
    """Return what each choice is called: by the stores' names, where all are about one store."""
    one = next(iter(stores)) if len(stores) == 1 else ""
    named = bool(one and source and one != source)
    return {
        None: "As suggested",
        Choice.USE_SOURCE: f"Use {store_name(source)}'s numbers"
        if named
        else "Use the source's numbers",
        Choice.USE_DESTINATION: f"Use {store_name(one)}'s numbers"
        if named
        else "Use the destination's numbers",
        Choice.USE_LOWER: "Use the lower number of each product",
    }


def bulk_modal(
    *,
    previews: Sequence[BulkPreview],
    proposals: Sequence[Proposal],
    source: str,
    private_metadata: str,
) -> dict[str, Any]:
    """Return the form: which number holds for all, and who is left out."""
    called = labels(frozenset().union(*(each.stores for each in previews)), source)
    options = [
        option(called[each.choice], each.choice.value, in_short(each))
        for each in previews
        if each.taken and each.choice is not None
    ]
    if not options:
        return _view(
            "No open mismatch here can be decided with one choice for all.", private_metadata
        )
    blocks: list[Block] = [
        sentence("Nothing is written yet: you see what would change first."),
        _field(CHOICE, "For all products", {"type": "radio_buttons", "options": options}),
        *_leave_out(proposals),
    ]
    return {
        **_view("", private_metadata),
        "callback_id": "bulk",
        "submit": plain_text("Preview", 24),
        "blocks": blocks,
    }


def _leave_out(proposals: Sequence[Proposal]) -> list[Block]:
    """Return the list of products to leave out: those first that would go to 0 or move most."""
    ordered = sorted(filter(is_for_all, proposals), key=_weight, reverse=True)[:MAX_PRODUCTS_LISTED]
    menu = {
        "type": "multi_static_select",
        "placeholder": plain_text("None"),
        "options": [
            option(f"{clean(each.title, 50)} \u00b7 {_shows(each)}", f"{each.id}")
            for each in ordered
        ],
    }
    field = _field(WITHOUT, "Leave these out: they stay open", menu)
    return [{**field, "optional": True}] if ordered else []


def _weight(proposal: Proposal) -> tuple[bool, int]:
    """Return how much there is to think about: whether a store goes to 0, how many units move."""
    options = [each for each in proposal.options if each.choice in FOR_ALL]
    moved = [abs(w.delta) for each in options for w in each.writes]
    return any(each.empties for each in options), max(moved, default=0)


def _shows(proposal: Proposal) -> str:
    """Return what a store shows and should show, short."""
    shows, expected = (proposal.facts.get(each) for each in ("shows", "should_show"))
    said = [number(each) if isinstance(each, int) else "?" for each in (shows, expected)]
    return f"{said[0]} / {said[1]}"


def in_short(preview: BulkPreview) -> str:
    """Return what a choice would do in 75 characters: products, units, how many go to 0."""
    safe = preview.taken - preview.zeros
    ups = sum(each.up for each in preview.changes.values())
    downs = sum(each.down for each in preview.changes.values())
    zeros = f"; {number(preview.zeros)} would go to 0" if preview.zeros else ""
    return f"{counted(safe, 'product')}: +{number(ups)}, \u2212{number(downs)} units{zeros}"


def preview_modal(
    *, preview: BulkPreview, source: str, apart: int, private_metadata: str
) -> dict[str, Any]:
    """Return what a choice would write, and the question whether to."""
    safe = preview.taken - preview.zeros
    name = labels(preview.stores, source)[preview.choice]
    head = f"{name} for {counted(safe, 'product')}"
    blocks: list[Block] = [sentence(bold(head), "." if preview.changes else ": no write needed.")]
    blocks += _changes(preview.changes)
    blocks += _zeros(preview)
    rest: list[list[Part]] = []
    if apart:
        rest.append([f"{counted(apart, 'product')} decided one by one, as you chose."])
    if preview.without - apart > 0:
        rest.append([f"{counted(preview.without - apart, 'product')} left out: still open."])
    if preview.cannot:
        rest.append(
            [f"{counted(preview.cannot, 'product')} can't be decided this way: still open."]
        )
    blocks += [bullets(rest)] if rest else []
    blocks.append(
        context_block(
            "Tipo reads each product again first. Where a number has changed meanwhile, nothing "
            "is written and you are asked again. One Undo takes back all of it."
        )
    )
    if not (preview.taken or apart):
        return _view("Nothing is left to decide: somebody else decided first.", private_metadata)
    return {
        **_view("", private_metadata),
        "callback_id": "bulk_confirm",
        "submit": plain_text("Confirm", 24),
        "blocks": blocks,
    }


def _changes(changes: Mapping[Alias, ChangeTotals]) -> list[Block]:
    """Return what is written to each store."""
    lines: list[list[Part]] = []
    for store, each in sorted(changes.items()):
        parts = []
        if each.ups:
            parts.append(f"{counted(each.ups, 'product')} up by {units(each.up)}")
        if each.downs:
            parts.append(f"{counted(each.downs, 'product')} down by {units(each.down)}")
        lines.append([bold(clean(store, 40)), f": {', '.join(parts)}"])
    return [bullets(lines[:20])] if lines else []


def _zeros(preview: BulkPreview) -> list[Block]:
    """Name what would go to 0, and ask for it by itself."""
    if not preview.zeros:
        return []
    n, few = preview.zeros, "it" if preview.zeros == 1 else "them"
    names = ", ".join(clean(each, 60) for each in preview.empty[:MAX_PRODUCTS_NAMED])
    left = n - min(MAX_PRODUCTS_NAMED, len(preview.empty))
    more_line = f" and {number(left)} more" if left else ""
    box = option(f"Set {few} to 0, too" if n == 1 else f"Set these {number(n)} to 0, too", "yes")
    field = _field(ZEROS, "Going to 0", {"type": "checkboxes", "options": [box]})
    return [
        sentence(
            bold(f"{counted(n, 'product')} would go to 0"), f": {names}{more_line}. Left out."
        ),
        {**field, "optional": True},
    ]


def _field(name: str, label: str, element: dict[str, Any]) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": plain_text(label, 150),
        "element": {**element, "action_id": ELEMENT},
    }


def _view(words: str, private_metadata: str) -> dict[str, Any]:
    """Return a form without a button to submit it."""
    return {
        "type": "modal",
        "private_metadata": private_metadata,
        "title": plain_text("Same choice for all", 24),
        "close": plain_text("Close", 24),
        "blocks": [sentence(words)] if words else [],
    }


# -- what somebody entered
def read_choice(state: Mapping[str, Any]) -> Choice | None:
    """Return what was chosen for all; None if it is no such choice."""
    chosen = [each for each in _picked(state, CHOICE) if each in {str(c) for c in FOR_ALL}]
    return Choice(chosen[0]) if chosen else None


def read_without(state: Mapping[str, Any]) -> frozenset[int]:
    """Return which proposals are left out."""
    numbers = map(number_in, _picked(state, WITHOUT))
    return frozenset(each for each in numbers if each is not None)


def read_zeros(state: Mapping[str, Any]) -> bool:
    """Whether those that go to 0 are meant, too."""
    return _picked(state, ZEROS) == ["yes"]


def _picked(state: Mapping[str, Any], name: str) -> list[str]:
    """Return the values that were picked in a field, one or many."""
    field = (state.get("values", state).get(name) or {}).get(ELEMENT) or {}
    one, many = field.get("selected_option"), field.get("selected_options")
    return [str(each.get("value")) for each in [*([one] if one else []), *(many or [])]]
