"""Answer commands: each is one question to the core, and one message."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from bot import asking
from bot.approvers import PREFERENCE as APPROVERS
from bot.approvers import MayNot, unfit
from bot.grammar import help_rows, needs_approver, parse
from bot.messages import (
    answers,
    history,
    lease,
    modes,
    packs,
    places,
    proposals,
    reports,
    state,
    stock,
)
from bot.messages import unmatched as alone
from bot.messages.kit import Message, context
from bot.office import Office
from bot.preferences import ALERTS, QUIET, alert_level, quiet_hours, quiet_text
from bot.reading import Asked, Click
from bot.tokens import shorten
from bot.workspace import Refused, SlackTrouble
from sync_core.domain.values import PoolId
from sync_core.domain.views import PoolView

log = logging.getLogger(__name__)

MOST_SHOWN = 10  # pools; more are a list to choose from
MOST_FOUND = 100
SHARED = 300  # characters of a command that a Share button carries
PAGE = 20  # rows of the unmatched

Build = Callable[[Any, Asked], Awaitable[Message | None]]

LOCKED_OUT = (
    "That list leaves you out, and then you could not change it back. Nothing was changed: name "
    "yourself too, or a user group that you are in."
)


class Commands:
    """Answers commands."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._core = office.core
        self._builders: dict[type, Build] = {
            asking.Help: self._help,
            asking.ShowStatus: self._status,
            asking.ShowMode: self._mode,
            asking.SetMode: self._set_mode,
            asking.FindStock: self._stock,
            asking.ShowHistory: self._history,
            asking.Check: self._check,
            asking.ShowDrift: self._drift,
            asking.ShowUnmatched: self._unmatched,
            asking.ShowPlaces: self._places,
            asking.SetBuffer: self._buffer,
            asking.SetPack: self._pack,
            asking.TakeOver: self._take_over,
            asking.Pause: self._pause,
            asking.Resume: self._resume,
            asking.Undo: self._undo,
            asking.ShowApprovers: self._approvers,
            asking.SetApprovers: self._set_approvers,
            asking.ShowQuiet: self._quiet,
            asking.SetQuiet: self._set_quiet,
            asking.ShowAlerts: self._alerts,
            asking.SetAlerts: self._set_alerts,
        }

    async def answer(self, asked: Asked) -> None:
        """Read, authorise, ask the core, answer."""
        command = parse(asked.text)
        if not await self._office.is_ours(asked):
            return
        if isinstance(command, asking.Unclear):
            await self._office.answer(asked, unclear(command))
            return
        if needs_approver(command) and await self._office.allowed(asked) is None:
            return
        said = await self._builders[type(command)](command, asked)
        if said is not None:
            await self._office.answer(asked, said)

    async def share(self, click: Click) -> None:
        """Show to the channel what one person has asked for, as it is now."""
        said = await self._shared(click)
        if said is None:
            sentence = "This answer cannot be shared any more. Ask again, then share."
            await self._office.answer(click, answers.trouble(sentence=sentence))
            return
        by = context(f"Shared by <@{click.person.id}>")
        said = replace(said, blocks=[*said.blocks[:49], by])
        try:
            await self._office.workspace.post(click.channel, said)
        except Refused as exc:
            await self._office.answer(click, answers.trouble(sentence=cannot_share(exc.code)))
        except SlackTrouble:
            sentence = "Slack does not answer at the moment, so nothing was shared. Try again."
            await self._office.answer(click, answers.trouble(sentence=sentence))

    async def _shared(self, click: Click) -> Message | None:
        """Build what a Share button stands for; it carries a question, never an order."""
        head, _, rest = click.value.partition(":")
        if head in {"stock", "history"} and rest.isdecimal():
            return await self.pool(PoolId(int(rest)), head, share=False)
        command = parse(click.value)
        if isinstance(command, asking.Unclear) or needs_approver(command):
            return None
        if isinstance(command, asking.Check | asking.ShowDrift):
            return None
        asked = Asked(person=click.person, text="", channel=click.channel, reply="")
        return await self._builders[type(command)](command, asked)

    # -- questions
    async def _help(self, _command: asking.Help, _asked: Asked) -> Message:
        return answers.help_message(commands=help_rows())

    async def _status(self, _command: asking.ShowStatus, asked: Asked) -> Message:
        return await self.status(share=shared(asked))

    async def status(self, *, share: str = "") -> Message:
        """Say how everything is."""
        return state.status(
            overview=await self._core.overview(),
            serving=await self._core.is_serving(),
            last_report=await self._core.last_report(),
            now=self._office.clock.now(),
            share=share,
        )

    async def _mode(self, _command: asking.ShowMode, asked: Asked) -> Message:
        return await self.mode(share=shared(asked))

    async def mode(self, *, share: str = "") -> Message:
        """Say which connection has which mode."""
        return state.mode_now(overview=await self._core.overview(), share=share)

    async def _stock(self, command: asking.FindStock, asked: Asked) -> Message:
        pools = await self._core.stock(command.words, live=True, limit=MOST_FOUND)
        if not pools:
            return nothing_found(command.words)
        if len(pools) > MOST_SHOWN:
            return stock.stock_choice(pools=pools, words=command.words)
        now = self._office.clock.now()
        return stock.stock(pools=pools, now=now, total=len(pools), share=shared(asked))

    async def _history(self, command: asking.ShowHistory, asked: Asked) -> Message:
        pools = await self._core.stock(command.words, live=False, limit=MOST_FOUND)
        if not pools:
            return nothing_found(command.words)
        if len(pools) > 1:
            return stock.stock_choice(pools=pools, words=command.words, then="history")
        return await self._timeline(pools[0], share=shared(asked))

    async def _timeline(self, pool: PoolView, *, share: str) -> Message:
        entries = await self._core.history(pool.id, limit=50)
        return history.history(pool=pool, entries=entries, share=share)

    async def pool(self, pool_id: PoolId, then: str, *, share: bool = True) -> Message | None:
        """Show one pool that was chosen from a list: its stock or its history."""
        pool = await self._core.pool(pool_id, live=then == "stock")
        if pool is None:
            return None
        value = f"{then}:{pool_id}" if share else ""
        if then == "history":
            return await self._timeline(pool, share=value)
        return stock.stock(pools=[pool], now=self._office.clock.now(), total=1, share=value)

    async def _unmatched(self, _command: asking.ShowUnmatched, asked: Asked) -> Message:
        return await self.unmatched(0, share=shared(asked))

    async def unmatched(self, offset: int, *, share: str = "") -> Message:
        """Show a page of what shares its stock with nobody."""
        total, rows = await self._core.unmatched(limit=PAGE, offset=offset)
        return alone.unmatched(total=total, rows=rows, offset=offset, page=PAGE, share=share)

    async def _places(self, _command: asking.ShowPlaces, asked: Asked) -> Message:
        known, free = await self._core.places()
        locations = await self._core.locations()
        return places.places(places=known, locations=locations, free=free, share=shared(asked))

    async def _approvers(self, _command: asking.ShowApprovers, _asked: Asked) -> Message:
        return answers.approvers(listed=await self._office.approvers.listed())

    async def _quiet(self, _command: asking.ShowQuiet, _asked: Asked) -> Message:
        hours = quiet_hours(await self._core.preference(QUIET))
        start, end = (None, None) if hours is None else (f"{hours[0]:%H:%M}", f"{hours[1]:%H:%M}")
        return answers.quiet(start=start, end=end, zone=self._office.zone)

    async def _alerts(self, _command: asking.ShowAlerts, _asked: Asked) -> Message:
        return answers.alerts(level=alert_level(await self._core.preference(ALERTS)))

    # -- orders
    async def _set_mode(self, command: asking.SetMode, asked: Asked) -> Message:
        report = await self._core.ask_mode(command.mode, command.alias, asked.person, asked.reply)
        # What was found follows as an answer of its own, from the row that remembers us.
        return modes.progress(report=report, promise=modes.QUESTION_HERE)

    async def _check(self, _command: asking.Check, asked: Asked) -> Message:
        return await self.check(asked.person.id, asked.reply)

    async def check(self, by: str, reply: str) -> Message:
        """Compare the stores now; whoever asked is told what came of it, where they asked."""
        report = await self._core.check(by, reply)
        if not self._office.channel:  # without one there is no outbox that could answer
            promise = modes.ASK_AGAIN
        else:
            promise = modes.RESULT_HERE if reply else modes.RESULT_DIRECT
        return modes.progress(report=report, promise=promise)

    async def _drift(self, _command: asking.ShowDrift, asked: Asked) -> Message:
        return await self.drift(asked.person.id)

    async def drift(self, by: str) -> Message:
        """Show what stands, with fresh buttons."""
        report = await self._core.drift(by)
        _, found = await self._core.proposals(report.id, limit=50)
        return reports.report(report=report, proposals=found)

    async def _buffer(self, command: asking.SetBuffer, asked: Asked) -> Message:
        if command.words is None:
            return await self._buffered(None, command, asked)
        pools = await self._core.stock(command.words, live=False, limit=MOST_FOUND)
        if not pools:
            return nothing_found(command.words)
        if len(pools) > 1 and not are_one_product(pools, command.words):
            return answers.said(sentence=which_one(pools, "buffer", command))
        return await self._buffered(pools, command, asked)

    async def _pack(self, command: asking.SetPack, asked: Asked) -> Message:
        pools = await self._core.stock(command.words, live=False, limit=MOST_FOUND)
        if not pools:
            return nothing_found(command.words)
        if len(pools) > 1 and not are_one_product(pools, command.words):
            return answers.said(sentence=which_one(pools, "pack", command))
        ids = [each.id for each in pools]
        proposal = await self._core.ask_pack(ids, command.units, command.alias, asked.person)
        return packs.pack_question(proposal=proposal)

    async def _buffered(
        self, pools: list[PoolView] | None, command: asking.SetBuffer, asked: Asked
    ) -> Message:
        ids = None if pools is None else [each.id for each in pools]
        count = await self._core.set_buffer(ids, command.units, command.alias, asked.person)
        product = None if pools is None else pools[0].title
        return answers.buffer_done(
            levels=count, units=command.units, alias=command.alias, product=product
        )

    async def _take_over(self, command: asking.TakeOver, _asked: Asked) -> Message:
        asked = await self._core.takeover_questions(command.alias)
        return lease.takeover_question(asked=asked)

    async def _pause(self, _command: asking.Pause, asked: Asked) -> Message:
        await self._core.pause(by=asked.person.name)
        return answers.paused(by=asked.person.id)

    async def _resume(self, _command: asking.Resume, asked: Asked) -> Message:
        await self._core.resume()
        return answers.resumed(by=asked.person.id)

    async def _undo(self, command: asking.Undo, asked: Asked) -> Message:
        proposal = await self._core.ask_undo(command.receipt, asked.person)
        return proposals.undo_question(proposal=proposal)

    async def _set_approvers(self, command: asking.SetApprovers, asked: Asked) -> Message | None:
        for each in command.ids or ():
            if why := await self._unknown(each, asked.person.team):
                await self._office.refuse(asked, MayNot(why))
                return None
        if command.ids is not None:
            own = await self._office.approvers.may_by(asked.person, tuple(command.ids))
            if isinstance(own, MayNot):
                await self._office.refuse(asked, MayNot(LOCKED_OUT))
                return None
        value = None if command.ids is None else json.dumps(list(command.ids))
        await self._core.set_preference(APPROVERS, value, asked.person)
        return answers.approvers(listed=await self._office.approvers.listed())

    async def _unknown(self, name: str, team: str) -> str:
        """Return why somebody cannot be an approver, or nothing: a wrong name locks people out."""
        try:
            if name.startswith("S"):
                found = await self._office.workspace.group(name)
                return (
                    "" if found else f"The user group {name} has no members. Nothing was changed."
                )
            why = unfit(await self._office.workspace.member(name), team)
        except SlackTrouble as exc:
            return f"Slack does not tell who {name} is ({exc}). Nothing was changed."
        return f"{name} cannot be an approver: {why} Nothing was changed." if why else ""

    async def _set_quiet(self, command: asking.SetQuiet, asked: Asked) -> Message:
        await self._core.set_preference(QUIET, quiet_text(command.hours), asked.person)
        return await self._quiet(asking.ShowQuiet(), asked)

    async def _set_alerts(self, command: asking.SetAlerts, asked: Asked) -> Message:
        await self._core.set_preference(ALERTS, json.dumps(str(command.level)), asked.person)
        return answers.alerts(level=command.level)


def unclear(command: asking.Unclear) -> Message:
    """Answer what is no command."""
    if command.word:
        return answers.unclear(words=command.word, nearest=command.nearest)
    return answers.trouble(sentence=command.sentence)


def shared(asked: Asked) -> str:
    """Return what a Share button carries: the question, to be asked again."""
    return asked.text if asked.reply and len(asked.text) <= SHARED else ""


def nothing_found(words: str) -> Message:
    """Say that no product goes by that name."""
    return answers.trouble(
        sentence=f"Nothing that shares stock goes by “{shorten(words, 80)}”. Give a handle, a SKU, "
        "a barcode or words of the title; /tipo unmatched shows what has no partner."
    )


def are_one_product(pools: list[PoolView], words: str) -> bool:
    """Whether somebody named one product by its handle, and these are its variants."""
    handles = {each.handle.casefold() for each in pools}
    return handles == {words.strip().casefold()}


def which_one(pools: list[PoolView], word: str, command: asking.SetBuffer | asking.SetPack) -> str:
    """Ask for one of several products, with what to type."""
    tail = f" {command.units}" + (f" {command.alias}" if command.alias else "")
    skus = list(dict.fromkeys(each.sku for pool in pools for each in pool.levels if each.sku))
    more = f" (and {len(pools) - 5} more)" if len(pools) > 5 else ""  # noqa: PLR2004
    typed = ", ".join(f"/tipo {word} {sku}{tail}" for sku in skus[:5])
    return (
        f"{len(pools)} products fit “{shorten(command.words or '')}”; nothing was changed. "
        f"Name one by its SKU: {typed}{more}; or a whole product by its handle."
    )


def cannot_share(code: str) -> str:
    """Say why an answer cannot be shown to the channel."""
    if code in {"not_in_channel", "channel_not_found"}:
        return "Tipo is not a member of this channel. Type /invite @Tipo, then share again."
    return f"Slack does not let Tipo post here ({code})."
