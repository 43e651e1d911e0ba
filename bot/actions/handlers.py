"""Answer clicks: each gets an answer, and a decision is made once, however often people click.

action                          does
------------------------------  ------------------------------------------------------
decide.<choice>                 decides one proposal
decide.use_number               asks for the number first, in a modal
decide_all, dismiss_report      decides a report
incident.own, incident.snooze   notes who is on an incident, or that it may wait
take_over                       takes stores over, as they stood when the question was asked
go_live                         compares, then asks whether shadow mode is to end
undo                            asks whether to take back what a receipt did
review, settings, places.open   opens a modal; *.page turns its page, review.* draws it again
pool.*, choose.*, drift, …      asks the core, and shows
run.<command>                   asks what the help's button says
share                           shows an answer to the channel
"""

import logging
from collections.abc import Awaitable, Callable

from bot.actions.feedback import DecisionFeedback
from bot.actions.ownership import OwnershipHandlers
from bot.approvers import Allowed
from bot.commands.grammar import RUNNABLE
from bot.commands.handlers import CommandHandlers
from bot.handler_context import HandlerContext
from bot.home import AppHome
from bot.messages import answers, lease, modes, proposals
from bot.messages.action_ids import Action
from bot.messages.block_kit import Message
from bot.payloads import Click
from bot.text import number_in
from bot.views.handlers import ViewHandlers
from sync_core.domain.proposals import Choice
from sync_core.domain.shadow import live_target
from sync_core.domain.values import Alias, Mode, PoolId

log = logging.getLogger(__name__)

UNKNOWN_ACTION = (
    "This button comes from another version of Tipo and doesn't work any more. "
    "Nothing was done; type /tipo drift or /tipo status."
)

NOT_IN_SHADOW = "Shadow mode is over already. /tipo status shows how things are."
LIVE_BY_COMMAND = (
    "The stores are in different modes. Type /tipo mode two-way or /tipo mode one-way: it ends "
    "shadow mode for all stores."
)

Handle = Callable[[Click], Awaitable[None]]
Decide = Callable[[Click, Allowed], Awaitable[None]]


class ActionHandlers:
    """Answers clicks."""

    def __init__(
        self,
        context: HandlerContext,
        commands: CommandHandlers,
        views: ViewHandlers,
        home: AppHome,
        feedback: DecisionFeedback,
    ) -> None:
        self._context = context
        self._feedback = feedback
        self._core = context.core
        self._commands = commands
        self._home = home
        by_approver, ownership = self._by_approver, OwnershipHandlers(context)
        self.handlers: dict[str, Handle] = {
            **{f"{Action.DECIDE}.{each}": by_approver(self._decide) for each in Choice},
            Action.DECIDE_ALL: by_approver(self._decide_all),
            Action.DISMISS_REPORT: by_approver(self._dismiss),
            Action.UNDO: by_approver(self._undo),
            Action.TAKE_OVER: by_approver(self._take_over),
            Action.GO_LIVE: by_approver(self._go_live),
            Action.INCIDENT_OWN: ownership.own,
            Action.INCIDENT_SNOOZE: ownership.snooze,
            **_forms(views),
            Action.SHARE: commands.share,
            **{f"{Action.RUN}.{word}": commands.run for word in RUNNABLE},
            Action.POOL_STOCK: self._pool,
            Action.POOL_HISTORY: self._pool,
            f"{Action.CHOOSE}.stock": self._pool,
            f"{Action.CHOOSE}.history": self._pool,
            Action.UNMATCHED_PAGE: self._unmatched,
            Action.DRIFT: self._drift,
            Action.STATUS: self._status,
            Action.HOME_PAUSE: by_approver(self._pause),
            Action.HOME_RESUME: by_approver(self._resume),
            Action.HOME_CHECK: self._check,
            Action.HOME_MODE: self._mode,
            **{f"{Action.HOME_MODE}.{each}": by_approver(self._ask_mode) for each in Mode},
        }

    def _by_approver(self, decide: Decide) -> Handle:
        """Let only approvers do something; others are told who may."""

        async def decided(click: Click) -> None:
            if (allowed := await self._context.require_approver(click)) is not None:
                await decide(click, allowed)

        return decided

    async def unknown(self, click: Click) -> None:
        """Answer a click on what this version does not know."""
        log.info(
            "an unknown button", extra={"event": "unknown_action", "action": click.action[:80]}
        )
        await self._context.answer(click, answers.refused(sentence=UNKNOWN_ACTION))

    # -- decisions
    async def _decide(self, click: Click, allowed: Allowed) -> None:
        choice = Choice(click.action.rpartition(".")[2])
        outcome = await self._core.decide(
            click.value, choice, click.person, allowed.rule, where=where(click)
        )
        await self._feedback.show_outcome(click, outcome)

    async def _decide_all(self, click: Click, allowed: Allowed) -> None:
        outcome = await self._core.decide_all(
            click.value, click.person, allowed.rule, where=where(click)
        )
        await self._feedback.show_outcome(click, outcome)

    async def _dismiss(self, click: Click, allowed: Allowed) -> None:
        await self._feedback.show_outcome(
            click, await self._core.dismiss(click.value, click.person, allowed.rule)
        )

    async def _undo(self, click: Click, _allowed: Allowed) -> None:
        receipt = number_in(click.value)
        if receipt is None:
            await self.unknown(click)
            return
        proposal = await self._core.ask_undo(receipt, click.person)
        await self._context.answer(click, proposals.undo_question(proposal=proposal))

    async def _take_over(self, click: Click, _allowed: Allowed) -> None:
        found = await self._core.take_over(click.value.split(","), click.person)
        message = lease.takeover_said(found=found)
        await self._context.answer(
            click, message, replace=click.ephemeral
        )  # an alert is drawn again

    # -- questions
    async def _pool(self, click: Click) -> None:
        then = click.action.rpartition(".")[2]
        pool, message = number_in(click.value), None
        if pool is not None:
            message = await self._commands.pool(PoolId(pool), then)
        if message is None:
            sentence = "That product isn't synced any more. Ask again: /tipo stock."
            message = answers.refused(sentence=sentence)
        await self._context.answer(click, message)

    async def _unmatched(self, click: Click) -> None:
        offset = number_in(click.value) or 0
        message = await self._commands.unmatched(offset)
        await self._context.answer(click, message, replace=click.ephemeral)

    async def _drift(self, click: Click) -> None:
        await self._context.answer(click, await self._commands.drift(click.person.id))

    async def _status(self, click: Click) -> None:
        await self._context.answer(click, await self._commands.status())

    # -- the App Home
    async def _pause(self, click: Click, _allowed: Allowed) -> None:
        await self._core.pause(by=click.person.name)
        await self._answer_and_refresh(click, answers.paused(by=click.person.id))

    async def _resume(self, click: Click, _allowed: Allowed) -> None:
        await self._core.resume()
        await self._answer_and_refresh(click, answers.resumed(by=click.person.id))

    async def _check(self, click: Click) -> None:
        await self._answer_and_refresh(
            click, await self._commands.check(click.person.id, click.response_url)
        )

    async def _mode(self, click: Click) -> None:
        message = await self._commands.mode()
        await self._context.answer(click, message)

    async def _ask_mode(self, click: Click, _allowed: Allowed) -> None:
        mode = Mode(click.action.rpartition(".")[2])
        alias = Alias(click.value) if click.value else None
        report = await self._core.ask_mode(mode, alias, click.person, click.response_url)
        promise = modes.QUESTION_HERE if click.response_url else modes.QUESTION_DIRECT
        await self._context.answer(click, modes.progress(report=report, promise=promise))

    async def _go_live(self, click: Click, _allowed: Allowed) -> None:
        """Ask what `/tipo mode` asks: compare, then confirm. Nothing is live by this click."""
        overview = await self._core.overview()
        if overview.shadow is None:
            await self._context.answer(click, answers.refused(sentence=NOT_IN_SHADOW))
            return
        found = live_target({each.alias: each.mode for each in overview.stores if each.mode})
        if found is None:
            await self._context.answer(click, answers.refused(sentence=LIVE_BY_COMMAND))
            return
        report = await self._core.ask_mode(*found, click.person, click.response_url)
        promise = modes.QUESTION_HERE if click.response_url else modes.QUESTION_DIRECT
        await self._context.answer(click, modes.progress(report=report, promise=promise))

    async def _answer_and_refresh(self, click: Click, message: Message) -> None:
        """Answer; in the App Home the page itself shows it, and a direct message remains."""
        await self._context.answer(click, message)
        if click.view is not None:
            await self._home.show(click.person)


def _forms(views: ViewHandlers) -> dict[str, Handle]:
    """Return what opens a form, or is done in one."""
    reviews = views.reviews
    return {
        f"{Action.DECIDE}.{Choice.USE_NUMBER}": views.number,
        Action.REVIEW: reviews.open,
        Action.REVIEW_CHOICE: reviews.choose,
        Action.REVIEW_REST: reviews.choose,
        Action.REVIEW_NEXT: reviews.turn,
        Action.REVIEW_PREVIOUS: reviews.turn,
        Action.BULK: reviews.open_bulk,
        Action.SETTINGS: views.settings.open,
        Action.LOCATIONS_OPEN: views.location_groups,
        Action.LOCATIONS_PAGE: views.turn_location_groups,
    }


def where(click: Click) -> str:
    """Return where somebody clicked, for the record."""
    if click.view is not None:
        return f"view {click.view.id}"
    return f"{click.channel} {click.ts}".strip()
