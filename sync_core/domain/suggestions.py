"""What every list of mismatches says in a row: what each store shows, and the suggested fix.

    what is suggested                       it reads
    --------------------------------------  --------------------------------------------------
    a change that an order explains         EU 46 → 42 (US sold 4, order #1009)
    another change, down, and up            EU 46 → 42 (US -4, no order explains it); (US +10)
    a number that is safe to use            Set US to 45
    that a store takes part again           Set US to 45
    something that writes nothing           its own words: Link with de: the same SKU or barcode
    what would take a store to 0            Needs your decision: US would go to 0
    what moves very many units              Needs your decision: 140 units would move
    another number that is not safe to use  Needs your decision: set US to 8?
    nothing                                 Needs your decision: no order explains it (or why it is)

What is suggested with the words "needs your decision" is never chosen for anybody.
"""

from collections.abc import Iterable, Mapping, Sequence

from sync_core.domain.fixes import MAX_SAFE_UNITS
from sync_core.domain.proposals import Choice, Option, Proposal, Write
from sync_core.domain.texts import number, store_name

MAX_WRITES_NAMED = 3  # writes of one fix
UNDECIDED = "Needs your decision"


def levels_text(facts: Mapping[str, object]) -> str:
    """Return what each store shows: EU 45 · US 47; empty if the facts name no number."""
    told = [f"{store_name(store)} {_known(shows)}" for store, shows in store_levels(facts)]
    expected = facts.get("should_show")
    if len(told) == 1 and isinstance(expected, int):
        told.append(f"expected {number(expected)}")
    return " \u00b7 ".join(told)


def store_levels(facts: Mapping[str, object]) -> list[tuple[str, int | None]]:
    """Return what each store shows, the source first; of older proposals only the one store."""
    kept = facts.get("shown")
    if isinstance(kept, list):
        return [(str(store), _whole(shows)) for store, shows in kept]
    if facts.get("store") and ("shows" in facts or "should_show" in facts):
        return [(str(facts["store"]), _whole(facts.get("shows")))]
    return []


def suggested_fix(proposal: Proposal) -> str:
    """Return what is suggested about a mismatch, in a few words."""
    option = proposal.option(proposal.recommended)
    if option is None:
        return _with_reason(_reason(proposal))
    if not option.writes:
        return option.words
    if not proposal.safe:
        return _with_reason(_doubt(proposal, option))
    if option.choice is Choice.ACCEPT:
        return f"{writes_text(option.writes)}{_explained(proposal.facts)}"
    return f"Set {_targets(option.writes)}"


def writes_text(writes: Iterable[Write]) -> str:
    """Return what is written where: EU 46 → 42."""
    told = [
        f"{store_name(each.store)} {_known(each.before)} \u2192 {number(each.after)}"
        for each in writes
    ]
    return _first_of(told)


def _targets(writes: Iterable[Write]) -> str:
    """Return to what stores are set: US to 45, DE to 44."""
    return _first_of([f"{store_name(each.store)} to {number(each.after)}" for each in writes])


def _first_of(told: Sequence[str]) -> str:
    left = len(told) - MAX_WRITES_NAMED
    return ", ".join(told[:MAX_WRITES_NAMED]) + (f" and {left} more" if left > 0 else "")


def _with_reason(why: str) -> str:
    return f"{UNDECIDED}: {why}" if why else UNDECIDED


def _explained(facts: Mapping[str, object]) -> str:
    """Return why a change is to be accepted: (US sold 4, order #1009)."""
    moved = _moved(facts)
    if not moved:
        return ""
    store = store_name(facts.get("store"))
    if moved > 0:
        return f" ({store} +{number(moved)})"
    if facts.get("order"):
        return f" ({store} sold {number(-moved)}, {facts['order']})"
    return f" ({store} {number(moved)}, no order explains it)"


def _doubt(proposal: Proposal, option: Option) -> str:
    """Return why a fix is not safe."""
    emptied = [store_name(each.store) for each in option.writes if each.empties]
    if emptied:
        return f"{' and '.join(emptied)} would go to 0"
    if option.choice is Choice.ACCEPT and not proposal.facts.get("order"):
        return "no order explains it"
    if option.units > MAX_SAFE_UNITS:
        return f"{number(option.units)} units would move"
    return f"set {_targets(option.writes)}?"


def _reason(proposal: Proposal) -> str:
    """Return why there is nothing to suggest."""
    why = str(proposal.facts.get("cause") or "")
    store = f"{store_name(proposal.facts.get('store') or '')}: "
    return why.removeprefix(store)


def _moved(facts: Mapping[str, object]) -> int:
    """Return by how much a store changed, as far as the facts say."""
    book, shows = _whole(facts.get("book")), _whole(facts.get("shows"))
    return 0 if book is None or shows is None else shows - book


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _known(value: int | None) -> str:
    return "no number" if value is None else number(value)
