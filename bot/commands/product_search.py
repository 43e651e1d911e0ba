"""What is said where words find no product, or more than one."""

from bot.commands.requests import SetBuffer, SetPack
from bot.commands.tokens import shorten
from bot.messages import answers
from bot.messages.block_kit import Message
from sync_core.domain.views import PoolView


def nothing_found(words: str) -> Message:
    """Say that no product goes by that name."""
    return answers.refused(
        sentence=f"No synced product matches “{shorten(words, 80)}”. Type a handle, a SKU, a "
        "barcode or words of the title; /tipo unmatched lists products with no match."
    )


def are_one_product(pools: list[PoolView], words: str) -> bool:
    """Whether somebody named one product by its handle, and these are its variants."""
    handles = {each.handle.casefold() for each in pools}
    return handles == {words.strip().casefold()}


def ask_which_product(pools: list[PoolView], word: str, command: SetBuffer | SetPack) -> str:
    """Ask for one of several products, with what to type."""
    tail = f" {command.units}" + (f" {command.alias}" if command.alias else "")
    skus = list(dict.fromkeys(each.sku for pool in pools for each in pool.levels if each.sku))
    more = f" (and {len(pools) - 5} more)" if len(pools) > 5 else ""  # noqa: PLR2004
    typed = ", ".join(f"/tipo {word} {sku}{tail}" for sku in skus[:5])
    return (
        f"{len(pools)} products match “{shorten(command.words or '')}”; nothing was changed. "
        f"Name one by its SKU: {typed}{more}; or a whole product by its handle."
    )
