"""The question before a pack size is changed: each store, its number now and then."""

from collections.abc import Mapping
from typing import Any

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Message,
    TableColumn,
    actions,
    bold,
    button,
    context_block,
    message,
    more_line,
    table,
    title,
)
from bot.messages.proposals import ending, expiry
from bot.text import counted, number, store_name
from sync_core.domain.proposals import Choice, Proposal, ProposalState

COLUMNS = (  # as many as a phone has room for
    TableColumn("Product", wrapped=True),
    TableColumn("Where", wrapped=True),
    TableColumn("Shows", wrapped=True),
)


def pack_question(*, proposal: Proposal) -> Message:
    """Ask whether to use packs, and show what that means for each store."""
    if proposal.state is not ProposalState.OPEN:
        return message("Already decided. ", *ending(proposal), sign="Note")
    given = proposal.facts.get("lines")
    lines = [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []
    stores = sorted({store_name(each.get("store")) for each in lines})
    pack = proposal.facts.get("pack")
    units = pack if isinstance(pack, int) else 1
    how = "one by one" if units == 1 else f"in packs of {counted(units, 'unit')}"
    yes, no = (f"{Action.DECIDE}.{each}" for each in (Choice.CONFIRM, Choice.DISMISS))
    blocks, shown = table(COLUMNS, map(_row, lines), most=20)
    return message(
        "Count ",
        title(proposal.title or "this product"),
        f" {how} in ",
        bold(", ".join(stores) or "every destination"),
        "?",
        sign="Question",
        blocks=[
            *blocks,
            *more_line(len(lines) - shown, "tipo pack"),
            *actions(
                f"pack-{proposal.id}",
                button(yes, f"Use packs of {number(units)}", proposal.token, style="primary"),
                button(no, "Cancel", proposal.token),
            ),
            context_block(
                f"If stock changes before you confirm, you'll be asked again; {expiry(proposal)}."
            ),
        ],
    )


def _row(line: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what becomes of one store."""
    shows, expected = line.get("shows"), line.get("expected")
    then = {
        "write": f"{shows} \u2192 {expected}",
        "fits": f"{shows}: nothing to write",
        "differs": f"{shows}, expected {expected}: stays a mismatch, nothing is written",
        "off": f"{shows}: off, nothing is written",
    }.get(f"{line.get('what')}", shows)
    where = f"{store_name(line.get('store'))} \u00b7 {line.get('place')}"
    return (line.get("title"), where, then)
