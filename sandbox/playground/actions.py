"""What each step does: in Tipo's stores over HTTP, and the same in the naive sync's."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx

from sandbox import control_api
from sandbox.demo.team import has
from sandbox.models import SoldOut, UnknownId
from sandbox.playground.steps import TROUBLES, Moment, Step
from sandbox.playground.world import SecondTipo, World
from sandbox.shop import Shop
from sandbox.slack import ImpossibleAction, SlackMessage
from sandbox.slack.interaction import Interaction
from sync_core.clock import RandomIds, WallClock
from sync_core.domain.leases import LeaseState
from sync_core.service.service import Service

MAX_SECONDS = 40.0  # to what a step waits for
POLL_SECONDS = 0.02
LATE_SECONDS = 3.0  # that a late webhook takes at most
FAULTS: Mapping[str, Mapping[str, float]] = {
    "lost": {"webhook_lost": 1.0},
    "doubled": {"webhook_doubled": 1.0},
    "late": {"webhook_late": 1.0, "webhook_late_by": LATE_SECONDS},
}


class StepFailed(Exception):
    """A step did not do what it should; says why, for people."""


async def perform(world: World, moment: Moment) -> str:
    """Do what happens at a moment; return what came of it, in words, or nothing.

    Raises:
        StepFailed: If something of it cannot be done, or what it waits for does not come.
    """
    world.remember(moment)
    if any(each.verb in STORE_VERBS for each in moment):
        world.acted_at = world.clock.now()
    said = await asyncio.gather(*(_perform(world, each) for each in moment))
    return " ".join(each for each in said if each)


async def _perform(world: World, step: Step) -> str:
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await HANDLERS[step.verb](world, *step.args) or ""
    except TimeoutError:
        raise StepFailed(f"This did not come within {MAX_SECONDS:.0f} s.") from None
    except UnknownId as missing:
        raise StepFailed(f"There is no such product: {missing}.") from missing
    except SoldOut:
        raise StepFailed("There are not that many left to sell.") from None
    except ImpossibleAction as no:
        raise StepFailed(f"Slack does not allow that: {no}.") from no
    except httpx.HTTPStatusError as refused:
        raise StepFailed(f"The store refused: {refused.response.json()['error']}.") from refused
    except httpx.HTTPError as exc:
        raise StepFailed("The store did not answer; start over.") from exc


# -- in the stores
async def _in_both(world: World, alias: str, verb: str, given: Mapping[str, object]) -> None:
    """Do the same in a store of Tipo's and in one of the naive sync's.

    A customer who finds nothing left in one of them buys nothing there.
    """
    with contextlib.suppress(SoldOut):
        control_api.perform(world.naive.shops[alias], verb, dict(given))
    await world.demo.perform(alias, verb, given)


async def _sell(world: World, alias: str, sku: str, units: str) -> None:
    await _in_both(world, alias, "sell", {"item": sku, "quantity": int(units)})


async def _restock(world: World, alias: str, sku: str, units: str) -> None:
    await _in_both(world, alias, "restock", {"item": sku, "quantity": int(units)})


async def _edit(world: World, alias: str, sku: str, to: str) -> None:
    await _in_both(world, alias, "edit", {"item": sku, "to": int(to)})


async def _refund(world: World, alias: str, sku: str, units: str) -> None:
    order = last_order(world.shops[alias], sku, int(units))
    if order is None:
        raise StepFailed(f"No order in {alias.upper()} has {units} units of it to give back.")
    naive = last_order(world.naive.shops[alias], sku, int(units))
    if naive is not None:
        given = {"order": naive, "quantity": int(units)}
        control_api.perform(world.naive.shops[alias], "refund", given)
    await world.demo.perform(alias, "refund", {"order": order, "quantity": int(units)})


def last_order(shop: Shop, sku: str, units: int) -> str | None:
    """Return the newest order with so many units of a product that can be refunded."""
    for order in reversed(shop.orders.values()):
        line = order.lines[0]
        if line.variant.sku == sku and line.current >= units:
            return order.name
    return None


# -- trouble
def _trouble(verb: str) -> Callable[[World, str, str], Awaitable[None]]:
    async def switch(world: World, alias: str, state: str) -> None:
        for lane in world.lanes:
            switch_trouble(lane[alias], verb, on=state == "on")

    return switch


def switch_trouble(shop: Shop, verb: str, *, on: bool) -> None:
    """Switch one kind of trouble in a store."""
    if verb == "down":
        shop.faults.outage = on
    elif verb == "denied":
        shop.access.permitted = not on
        if on:
            shop.revoke_token()
    else:
        for name, value in FAULTS[verb].items():
            setattr(shop.faults, name, value if on else 0.0)


def has_trouble(shop: Shop, verb: str) -> bool:
    """Whether a store has one kind of trouble."""
    if verb == "down":
        return shop.faults.outage
    if verb == "denied":
        return not shop.access.permitted
    return bool(getattr(shop.faults, next(iter(FAULTS[verb]))))


async def _heal(world: World) -> None:
    for lane in world.lanes:
        for shop in lane.values():
            for verb in TROUBLES:
                switch_trouble(shop, verb, on=False)


async def _second(world: World, state: str) -> str:
    if state == "off":
        await world.stop_second()
        return ""
    await world.start_second()
    while world.second and len(foreign := await _foreign(world.second)) < len(world.shops):
        await world.clock.sleep(POLL_SECONDS * 5)
    if world.second is None:
        raise StepFailed("It was stopped meanwhile.")
    return f"It writes nothing: {' and '.join(foreign)} carry the mark of the first Tipo."


async def _foreign(second: SecondTipo) -> list[str]:
    """Return the stores that the second Tipo has found in another's hands."""
    known = await second.known()
    return [each.store.upper() for each in known if each.state is LeaseState.FOREIGN]


# -- in Slack
async def _type(world: World, who: str, line: str) -> str:
    if not line.startswith("/"):
        await world.demo.team.slack.say(world.user(who), world.demo.team.stock, line)
        return ""
    slack = world.demo.team.slack
    keep(world, await slack.command(world.user(who), line, channel=world.demo.team.stock))
    return ""


def keep(world: World, interaction: Interaction) -> None:
    """Keep what a person sent to Tipo, for the raw pane."""
    world.interactions.append((world.clock.now(), interaction))


async def _click(world: World, who: str, action: str) -> str:
    """Click the newest button of that kind, once it is there."""
    slack, person = world.demo.team.slack, world.user(who)

    def newest() -> SlackMessage | None:
        seen = [*slack.messages(world.demo.team.stock), *slack.ephemerals(person)]
        usable = [each for each in seen if has(each, action) and is_new(world, each)]
        return usable[-1] if usable else None

    message = await slack.until(newest, MAX_SECONDS)
    if message is not None:
        keep(world, await slack.click(person, message, action))
    return ""


def is_new(world: World, message: SlackMessage) -> bool:
    """Whether a message has said something since people last did something in a store."""
    return world.acted_at is None or message.now.at >= world.acted_at.timestamp()


async def _reads(world: World, words: str) -> str:
    """Wait until the channel says something new that has these words."""
    slack = world.demo.team.slack
    await slack.until(
        lambda: any(
            words in each.text and is_new(world, each)
            for each in slack.messages(world.demo.team.stock)
        ),
        MAX_SECONDS,
    )
    return ""


# -- waiting
async def _wait(world: World, seconds: str) -> None:
    await world.clock.sleep(float(seconds))


async def _shows(world: World, sku: str, units: str) -> str:
    """Wait until both stores show so many; say how long it took."""
    while set(shown(world.shops, sku)) != {int(units)}:
        await world.clock.sleep(POLL_SECONDS)
    entries = [entry.at for shop in world.shops.values() for entry in shop.log[-20:]]
    if world.acted_at is None or not entries or max(entries) < world.acted_at:
        return ""
    seconds = (max(entries) - world.acted_at).total_seconds()
    return f"In sync after {seconds:.1f} s."


def shown(shops: Mapping[str, Shop], sku: str) -> list[int]:
    """Return what each store shows of a product."""
    return [shop.available(sku) for shop in shops.values()]


async def _begin(world: World, sku: str, units: str) -> None:
    """Let both stores show so many, and count from there.

    Staff set the number in the source, and where that does not suffice, since Tipo does not know
    of something, in the other store. The naive sync's stores are simply set.
    """
    await _heal(world)
    world.focus = sku
    for alias in [*world.shops, *world.shops]:
        if set(shown(world.shops, sku)) == {int(units)}:
            break
        await world.demo.perform(alias, "edit", {"item": sku, "to": int(units)})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(4):
                await _shows(world, sku, units)
    world.naive.forget()
    for shop in world.naive.shops.values():
        for each in shop.items.values():
            wanted = (
                int(units)
                if each.variant.sku == sku
                else world.shops["eu"].available(each.variant.sku or each.id)
            )
            shop.stock(each.id, next(iter(shop.locations)), wanted)
    world.acted_at = world.clock.now()
    world.count_from_now()


async def _night(world: World) -> None:
    """Let the night come that would come at 02:30: the report of one date after the other."""
    clock = _LaterClock(timedelta(days=world.nights))
    world.nights += 1
    service = Service(world.database, {}, clock, RandomIds())
    at = clock.now().astimezone(UTC).time().replace(microsecond=0)
    if await service.request_nightly_report(at, UTC) is None:
        raise StepFailed("The nightly compare is under way already.")


class _LaterClock(WallClock):
    """The machine's clock, some days later."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


STORE_VERBS = frozenset({"sell", "restock", "edit", "refund"})
HANDLERS: Mapping[str, Callable[..., Awaitable[str | None]]] = {
    "sell": _sell,
    "restock": _restock,
    "edit": _edit,
    "refund": _refund,
    **{verb: _trouble(verb) for verb in TROUBLES},
    "heal": _heal,
    "second": _second,
    "type": _type,
    "click": _click,
    "begin": _begin,
    "shows": _shows,
    "reads": _reads,
    "wait": _wait,
    "night": _night,
}
