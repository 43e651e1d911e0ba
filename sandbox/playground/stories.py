"""The stories: what to watch, and the steps that show it. Each has a product of its own.

key  story                                   how it ends
---  --------------------------------------  ---------------------------------------------
1    A sale, then a delivery                 50 and 50, 45 and 45, 55 and 55
2    Flash sale in both stores               what all customers bought is gone, once
3    The last unit is sold in both           both show -1, and the channel is alerted
4    A lost webhook, found at night          ann approves the fix: both show 46
5    Webhooks that are late and come twice   each sale counts once
6    A store is down                         what was sold meanwhile is written afterwards
7    A second Tipo on the same stores        it writes nothing: the sale counts once
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sandbox.playground.steps import Moment, parse

FLASH_ROUNDS = 8
START = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story."""

    key: str  # "1" to "7"; empty: of no story in the list
    title: str
    watch: str  # what to look at, in a sentence
    moments: tuple[Moment, ...]


def _steps(*lines: str) -> tuple[Moment, ...]:
    return parse(",".join(lines))


def oversell(sku: str) -> tuple[Moment, ...]:
    """Return how customers take the last unit of a product in both stores at once."""
    return _steps(
        f"begin~{sku}~1",
        f"sell~us~{sku}~1+sell~eu~{sku}~1",
        "reads~oversold",
        f"shows~{sku}~-1",
    )


def _flash(sku: str, seed: int) -> tuple[Moment, ...]:
    """Return a rush of orders in both stores, and what must be left."""
    rng = Random(f"{seed}/flash")
    lines, left = [f"begin~{sku}~{START}"], START
    for _ in range(FLASH_ROUNDS):
        us, eu = rng.randint(1, 3), rng.randint(1, 3)
        left -= us + eu
        lines += [f"sell~us~{sku}~{us}+sell~eu~{sku}~{eu}", "wait~0.2"]
    return _steps(*lines, f"shows~{sku}~{left}")


ALWAYS_THE_SAME = (
    Story(
        key="1",
        title="A sale, then a delivery",
        watch="Five jackets are sold in the US, ten arrive in the EU: watch both numbers go "
        "50, 45, 55.",
        moments=_steps(
            "begin~SFDJ-M~50",
            "sell~us~SFDJ-M~5",
            "shows~SFDJ-M~45",
            "restock~eu~SFDJ-M~10",
            "shows~SFDJ-M~55",
        ),
    ),
    Story(
        key="3",
        title="Oversell",
        watch="The last one is sold in both stores at once: watch Slack, where the team learns "
        "of it within seconds.",
        moments=oversell("SFDJ-L"),
    ),
    Story(
        key="4",
        title="Lost webhook",
        watch="Shopify never reports a sale, so the EU still shows 50: the nightly compare "
        "finds it, and ann approves the fix in Slack.",
        moments=_steps(
            "begin~RFLS1-S~50",
            "lost~us~on",
            "sell~us~RFLS1-S~4",
            "wait~1",
            "lost~us~off",
            "night",
            "click~ann~decide_all",
            "shows~RFLS1-S~46",
        ),
    ),
    Story(
        key="5",
        title="Late and double",
        watch="Webhooks come late, twice and out of order: each sale still counts once.",
        moments=_steps(
            "begin~RFLS1-M~50",
            "doubled~us~on+late~us~on+doubled~eu~on+late~eu~on",
            "sell~us~RFLS1-M~3",
            "sell~eu~RFLS1-M~2",
            "sell~us~RFLS1-M~4",
            "shows~RFLS1-M~41",
            "heal",
        ),
    ),
    Story(
        key="6",
        title="Outage",
        watch="The US store is down while the EU sells on: the update waits, and is written "
        "once the store is back.",
        moments=_steps(
            "begin~RFCT2-M~50",
            "down~us~on",
            "sell~eu~RFCT2-M~6",
            "wait~3",
            "down~us~off",
            "shows~RFCT2-M~44",
        ),
    ),
    Story(
        key="7",
        title="Second Tipo",
        watch="Somebody starts a second Tipo on the same stores: it sees the mark of the first "
        "and writes nothing, so the sale counts once.",
        moments=_steps(
            "begin~RFMJ3-M~50",
            "second~on",
            "sell~us~RFMJ3-M~5",
            "shows~RFMJ3-M~45",
            "wait~3",
            "shows~RFMJ3-M~45",
            "second~off",
        ),
    ),
)


def _flash_sale(seed: int) -> Story:
    """Return the story whose customers the seed chooses."""
    return Story(
        key="2",
        title="Flash sale",
        watch="Customers buy in both stores at the same moment: Tipo adds every sale up, the "
        "naive sync overwrites one with the other.",
        moments=_flash("SFDJ-S", seed),
    )


def stories(seed: int) -> Mapping[str, Story]:
    """Return all stories by their key; the seed chooses what customers buy in the flash sale."""
    told = (*ALWAYS_THE_SAME, _flash_sale(seed))
    return {each.key: each for each in sorted(told, key=lambda each: each.key)}
