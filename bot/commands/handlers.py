"""Answer commands: each is one question to the core, and one message."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from bot.commands.grammar import RUNNABLE, help_groups, needs_approver, parse
from bot.commands.preference_commands import BuildMessage, PreferenceCommands
from bot.commands.product_search import are_one_product, ask_which_product, nothing_found
from bot.commands.requests import (
    CheckNow,
    Command,
    FindStock,
    GuessStock,
    Help,
    Pause,
    Resume,
    SetBuffer,
    SetMode,
    SetPack,
    ShowDrift,
    ShowHistory,
    ShowLocations,
    ShowMode,
    ShowStatus,
    ShowUnmatched,
    TakeOver,
    Unclear,
    Undo,
)
from bot.handler_context import HandlerContext
from bot.messages import (
    answers,
    history,
    lease,
    location_groups,
    modes,
    packs,
    proposals,
    reports,
    state,
    stock,
)
from bot.messages import unmatched as alone
from bot.messages.block_kit import Message, context_block
from bot.messages.settings import night_line
from bot.payloads import Click, TypedCommand
from bot.slack_errors import SlackError, SlackRefused
from bot.text import mrkdwn, number_in, zone_name
from bot.zones import localized
from sync_core.domain.shadow import PENDING_IN_SHADOW
from sync_core.domain.values import PoolId
from sync_core.domain.views import PoolView

log = logging.getLogger(__name__)

MAX_POOLS_SHOWN = 10  # pools; more are a list to choose from
MAX_POOLS_FOUND = 100
MAX_SHARED_CHARS = 300  # characters of a command that a Share button carries
MAX_ORDER_AGE_SECONDS = 120.0  # of a message that orders something
TOO_LATE = (
    "Your message reached Tipo minutes after you wrote it, so nothing was done. If you still want "
    "it, write it again."
)
UNMATCHED_PAGE_SIZE = 20  # rows of the unmatched


class CommandHandlers:
    """Answers commands."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._core = context.core
        self._builders: dict[type, BuildMessage] = {
            Help: self._help,
            ShowStatus: self._status,
            ShowMode: self._mode,
            SetMode: self._set_mode,
            FindStock: self._stock,
            GuessStock: self._guess,
            ShowHistory: self._history,
            CheckNow: self._check,
            ShowDrift: self._drift,
            ShowUnmatched: self._unmatched,
            ShowLocations: self._location_groups,
            SetBuffer: self._buffer,
            SetPack: self._pack,
            TakeOver: self._take_over,
            Pause: self._pause,
            Resume: self._resume,
            Undo: self._undo,
            **PreferenceCommands(context).builders,
        }

    async def answer(self, asked: TypedCommand) -> None:
        """Read, authorise, ask the core, answer."""
        command = parse(asked.text)
        if isinstance(command, Unclear):
            await self._context.answer(asked, answers.refused(sentence=command.sentence))
            return
        if is_too_late(asked, command, self._context.clock.now().timestamp()):
            await self._context.answer(asked, answers.refused(sentence=TOO_LATE))
            return
        if needs_approver(command) and await self._context.require_approver(asked) is None:
            return
        said = await self._builders[type(command)](command, asked)
        if said is not None:
            public = is_public(command)
            await self._context.answer(asked, said, public=public)

    async def run(self, click: Click) -> None:
        """Answer a button of the help like its command; orders have no such button."""
        if click.value not in RUNNABLE:
            sentence = "That button is of another version of Tipo. Type /tipo help."
            await self._context.answer(click, answers.refused(sentence=sentence))
            return
        asked = TypedCommand(
            person=click.person,
            text=click.value,
            channel=click.channel,
            response_url=click.response_url,
        )
        await self.answer(asked)

    async def share(self, click: Click) -> None:
        """Show to the channel what one person has asked for, as it is now."""
        said = await self._shared(click)
        if said is None:
            sentence = "This answer can't be shared any more. Ask again, then share."
            await self._context.answer(click, answers.refused(sentence=sentence))
            return
        by = context_block(f"Shared by <@{click.person.id}>")
        said = replace(said, blocks=[*said.blocks[:49], by])
        try:
            await self._context.slack.post(
                click.channel, localized(said, self._context.zones.otherwise)
            )
        except SlackRefused as exc:
            await self._context.answer(click, answers.trouble(sentence=cannot_share(exc.code)))
        except SlackError:
            sentence = "Slack isn't answering, so nothing was shared. Try again."
            await self._context.answer(click, answers.trouble(sentence=sentence))

    async def _shared(self, click: Click) -> Message | None:
        """Build what a Share button stands for; it carries a question, never an order."""
        head, _, rest = click.value.partition(":")
        pool = number_in(rest)
        if head in {"stock", "history"} and pool is not None:
            return await self.pool(PoolId(pool), head, share=False)
        command = parse(click.value)
        if not may_be_shared(command):
            return None
        asked = TypedCommand(person=click.person, text="", channel=click.channel, response_url="")
        return await self._builders[type(command)](command, asked)

    # -- questions
    async def _help(self, _command: Help, _asked: TypedCommand) -> Message:
        return answers.help_message(sections=help_groups())

    async def _status(self, _command: ShowStatus, asked: TypedCommand) -> Message:
        return await self.status(share=shared(asked))

    async def status(self, *, share: str = "") -> Message:
        """Say how everything is."""
        last = await self._core.last_report()
        reports = [] if last is None else [last.id]
        return state.status(
            overview=await self._core.overview(),
            serving=await self._core.is_serving(),
            last_report=last,
            now=self._context.clock.now(),
            share=share,
            links=await self._context.links.links(reports=reports, alerts=state.ALERT_KINDS),
            night=night_line(
                await self._context.preferences.read(), zone_name(self._context.zones.otherwise)
            ),
        )

    async def _mode(self, _command: ShowMode, asked: TypedCommand) -> Message:
        return await self.mode(share=shared(asked))

    async def mode(self, *, share: str = "") -> Message:
        """Say which connection has which mode."""
        return state.mode_now(overview=await self._core.overview(), share=share)

    async def _stock(self, command: FindStock, asked: TypedCommand) -> Message:
        return await self._found(command.words, shared(asked)) or nothing_found(command.words)

    async def _found(self, words: str, share: str) -> Message | None:
        """Return the stock of the products that some words mean; None if there are none."""
        pools = await self._core.stock(words, live=True, limit=MAX_POOLS_FOUND)
        if not pools:
            return None
        if len(pools) > MAX_POOLS_SHOWN:
            return stock.stock_choice(pools=pools, words=words)
        return await self._stock_of(pools, share)

    async def _stock_of(self, pools: Sequence[PoolView], share: str) -> Message:
        """Show the stock of some products; in shadow mode, what is pending is written to nobody."""
        now = self._context.clock.now()
        said = stock.stock(pools=pools, now=now, total=len(pools), share=share)
        is_pending = any(level.outstanding for each in pools for level in each.levels)
        if not is_pending or (await self._core.overview()).shadow is None:
            return said
        return replace(said, blocks=[*said.blocks[:49], context_block(PENDING_IN_SHADOW)])

    async def _guess(self, command: GuessStock, asked: TypedCommand) -> Message | None:
        """Show the stock of what no command is called; else say what may have been meant."""
        share = shared(replace(asked, text=f"stock {asked.text}"))  # a Share button asks plainly
        said = await self._found(command.words, share)
        if said is None:
            # For their eyes only: a message that mentions us may well ask for nothing.
            said = answers.no_product(
                words=command.words, nearest=command.nearest, close=command.close
            )
            await self._context.answer(asked, said)
            return None
        if not command.close:
            return said
        meant = context_block(f"Did you mean the command `/tipo {mrkdwn(command.nearest[0], 80)}`?")
        return replace(said, blocks=[*said.blocks[:49], meant])

    async def _history(self, command: ShowHistory, asked: TypedCommand) -> Message:
        pools = await self._core.stock(command.words, live=False, limit=MAX_POOLS_FOUND)
        if not pools:
            return nothing_found(command.words)
        return await self.explain(pools, words=command.words, share=shared(asked))

    async def explain(self, pools: Sequence[PoolView], *, words: str, share: str = "") -> Message:
        """Say why a product has its number; of several, ask which one is meant."""
        if len(pools) > 1:
            return stock.stock_choice(pools=pools, words=words, then="history")
        return await self._timeline(pools[0], share=share)

    async def _timeline(self, pool: PoolView, *, share: str) -> Message:
        entries = await self._core.history(pool.id, limit=50)
        receipts = [each.ref for each in entries if each.kind == "decision"]
        links = await self._context.links.links(receipts=receipts)
        return history.history(pool=pool, entries=entries, share=share, links=links)

    async def pool(self, pool_id: PoolId, then: str, *, share: bool = True) -> Message | None:
        """Show one pool that was chosen from a list: its stock or its history."""
        pool = await self._core.pool(pool_id, live=then == "stock")
        if pool is None:
            return None
        value = f"{then}:{pool_id}" if share else ""
        if then == "history":
            return await self._timeline(pool, share=value)
        return await self._stock_of([pool], value)

    async def _unmatched(self, _command: ShowUnmatched, asked: TypedCommand) -> Message:
        return await self.unmatched(0, share=shared(asked))

    async def unmatched(self, offset: int, *, share: str = "") -> Message:
        """Show a page of what shares its stock with nobody."""
        total, rows = await self._core.unmatched(limit=UNMATCHED_PAGE_SIZE, offset=offset)
        return alone.unmatched(
            total=total, rows=rows, offset=offset, page=UNMATCHED_PAGE_SIZE, share=share
        )

    async def _location_groups(self, _command: ShowLocations, asked: TypedCommand) -> Message:
        known, free = await self._core.location_groups()
        locations = await self._core.locations()
        return location_groups.location_groups(
            location_groups=known, locations=locations, free=free, share=shared(asked)
        )

    # -- orders
    async def _set_mode(self, command: SetMode, asked: TypedCommand) -> Message:
        report = await self._core.ask_mode(
            command.mode,
            command.alias,
            asked.person,
            asked.response_url,
            shadow=command.shadow,
        )
        # What was found follows as an answer of its own, from the row that remembers us.
        promise = modes.QUESTION_HERE if asked.response_url else modes.QUESTION_DIRECT
        return modes.progress(report=report, promise=promise)

    async def _check(self, _command: CheckNow, asked: TypedCommand) -> Message:
        return await self.check(asked.person.id, asked.response_url)

    async def check(self, by: str, response_url: str) -> Message:
        """Compare the stores now; the person who asked hears what came of it, where they asked."""
        report = await self._core.check(by, response_url)
        if not self._context.channel:  # without one there is no outbox that could answer
            promise = modes.ASK_AGAIN
        else:
            promise = modes.RESULT_HERE if response_url else modes.RESULT_DIRECT
        return modes.progress(report=report, promise=promise)

    async def _drift(self, _command: ShowDrift, asked: TypedCommand) -> Message:
        return await self.drift(asked.person.id)

    async def drift(self, by: str) -> Message:
        """Show what stands, with fresh buttons."""
        report = await self._core.drift(by)
        _, found = await self._core.proposals(report.id, limit=50)
        return reports.report(report=report, proposals=found)

    async def _buffer(self, command: SetBuffer, asked: TypedCommand) -> Message:
        if command.words is None:
            return await self._buffered(None, command, asked)
        pools = await self._core.stock(command.words, live=False, limit=MAX_POOLS_FOUND)
        if not pools:
            return nothing_found(command.words)
        if len(pools) > 1 and not are_one_product(pools, command.words):
            return answers.said(sentence=ask_which_product(pools, "buffer", command))
        return await self._buffered(pools, command, asked)

    async def _pack(self, command: SetPack, asked: TypedCommand) -> Message:
        pools = await self._core.stock(command.words, live=False, limit=MAX_POOLS_FOUND)
        if not pools:
            return nothing_found(command.words)
        if len(pools) > 1 and not are_one_product(pools, command.words):
            return answers.said(sentence=ask_which_product(pools, "pack", command))
        ids = [each.id for each in pools]
        proposal = await self._core.ask_pack(ids, command.units, command.alias, asked.person)
        return packs.pack_question(proposal=proposal)

    async def _buffered(
        self, pools: list[PoolView] | None, command: SetBuffer, asked: TypedCommand
    ) -> Message:
        ids = None if pools is None else [each.id for each in pools]
        count = await self._core.set_buffer(ids, command.units, command.alias, asked.person)
        product = None if pools is None else pools[0].title
        return answers.buffer_done(
            levels=count, units=command.units, alias=command.alias, product=product
        )

    async def _take_over(self, command: TakeOver, _asked: TypedCommand) -> Message:
        asked = await self._core.takeover_questions(command.alias)
        return lease.takeover_question(asked=asked)

    async def _pause(self, _command: Pause, asked: TypedCommand) -> Message:
        await self._core.pause(by=asked.person.name)
        return answers.paused(by=asked.person.id)

    async def _resume(self, _command: Resume, asked: TypedCommand) -> Message:
        await self._core.resume()
        return answers.resumed(by=asked.person.id)

    async def _undo(self, command: Undo, asked: TypedCommand) -> Message:
        proposal = await self._core.ask_undo(command.receipt, asked.person)
        return proposals.undo_question(proposal=proposal)


def may_be_shared(command: Command | Unclear) -> bool:
    """Whether everybody may see the answer: it only says how things are, and offers no decision."""
    if isinstance(command, Unclear | GuessStock | CheckNow | ShowDrift):
        return False
    return not needs_approver(command)


def is_public(command: Command) -> bool:
    """Whether the answer to a message is for all who have seen the message."""
    if isinstance(command, Help | ShowLocations):
        return False
    return isinstance(command, GuessStock) or may_be_shared(command)


def is_too_late(asked: TypedCommand, command: Command, now: float) -> bool:
    """Whether a message reaches us so late that what it orders may be wrong by now.

    Slack delivers again, for minutes or hours, what a server that was down has not taken.
    """
    if asked.message is None or not (needs_approver(command) or isinstance(command, CheckNow)):
        return False
    return now - asked.message.sent_at > MAX_ORDER_AGE_SECONDS


def shared(asked: TypedCommand) -> str:
    """Return what a Share button carries: the question, to be asked again."""
    return asked.text if asked.response_url and len(asked.text) <= MAX_SHARED_CHARS else ""


def cannot_share(code: str) -> str:
    """Say why an answer cannot be shown to the channel."""
    if code in {"not_in_channel", "channel_not_found"}:
        return "Tipo isn't a member of this channel. Type /invite @Tipo, then share again."
    return f"Slack doesn't let Tipo post here ({code})."
