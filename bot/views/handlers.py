"""Modals: opened at once, filled when the core has answered, submitted and answered.

A modal must open within three seconds of the click: first an empty one, then its contents.
`private_metadata` can be read by whoever sees the modal: it holds tokens and choices, never trust.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.actions.feedback import DecisionFeedback
from bot.approvers import Allowed
from bot.handler_context import HandlerContext
from bot.messages import answers, bulk, location_groups, review
from bot.messages.block_kit import Message
from bot.payloads import Click, Submission
from bot.slack_errors import SlackError
from bot.views.form_state import MAX_METADATA_CHARS, FormState, PoolDecision, dump_form, load_form
from sync_core.domain.bulk_decisions import FOR_ALL, BulkChoice
from sync_core.domain.location_groups import LocationGroups
from sync_core.domain.proposals import Answer, Choice, Clicked
from sync_core.domain.values import Role
from sync_core.errors import NotAllowed

log = logging.getLogger(__name__)

MAX_SENTENCE_CHARS = 2_900  # characters of a text
SETTLE_SECONDS = 0.7  # seconds between an ack with a page and the next page
MAX_OPEN_FORMS = 100  # forms that are open at once
GONE = "This isn't open any more. Type /tipo drift to see what is."
TOO_MANY = "That's more than one form can hold. Open it again and decide in two parts."

Json = dict[str, Any]
Errors = Mapping[str, str]
ChoiceLabels = Mapping[Choice, str]
Build = Callable[[str], Awaitable[Json]]  # from the id of the view
Submit = Callable[[Submission], Awaitable[None]]
Decide = Callable[[Submission, Allowed], Awaitable[None]]


def sentence_modal(title: str, words: str = "One moment…") -> Json:
    """Return a modal that says one sentence; nothing in it is parsed."""
    return _modal(title, {"type": "plain_text", "text": words[:MAX_SENTENCE_CHARS] or "…"})


def message_modal(said: Message) -> Json:
    """Return a modal that says what a message says; its text is escaped already."""
    return _modal(
        "Tipo", {"type": "mrkdwn", "text": said.text[:MAX_SENTENCE_CHARS], "verbatim": True}
    )


def _modal(title: str, text: Json) -> Json:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": title},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [{"type": "section", "text": text}],
    }


class ViewHandlers:
    """Opens modals, and answers what is submitted."""

    def __init__(self, context: HandlerContext, feedback: DecisionFeedback) -> None:
        self._context = context
        self._feedback = feedback
        self._core = context.core
        by_approver = self._by_approver
        self.handlers: dict[str, Submit] = {
            "places": by_approver(self._submit_location_groups),
            "review": by_approver(self._submit_review),
            "bulk": by_approver(self._submit_bulk),
            "bulk_confirm": by_approver(self._submit_confirmed),
            "number": by_approver(self._submit_number),
        }
        self._before: dict[str, LocationGroups] = {}  # what a form was made from, by its view
        self._opened: dict[str, Click] = {}  # the click that opened a form, by its view
        self._choice_labels: dict[
            str, ChoiceLabels
        ] = {}  # what may be chosen for all, by the report's token

    # -- opening
    async def location_groups(self, click: Click) -> None:
        """Open the form for the location map."""
        await self._open(
            click, "Shared locations", lambda view_id: self._location_groups_view(view_id, 0)
        )

    async def _location_groups_view(self, view_id: str, offset: int) -> Json:
        known, _ = await self._core.location_groups()
        while len(self._before) >= MAX_OPEN_FORMS:
            del self._before[next(iter(self._before))]
        self._before[view_id] = known
        locations = await self._core.locations()
        return location_groups.location_groups_modal(
            location_groups=known,
            locations=locations,
            private_metadata=json.dumps({"offset": offset}),
            offset=offset,
        )

    async def turn_location_groups(self, click: Click) -> None:
        """Turn to another page of the location map."""
        if click.view is not None:
            offset = int(click.value) if click.value.isdecimal() else 0
            await self._redraw(click, await self._location_groups_view(click.view.id, offset))

    async def review(self, click: Click) -> None:
        """Open the review of a report."""
        form = FormState(token=click.value)
        await self._open(click, "Review", lambda _: self._review_view(form, 0))

    async def _review_view(self, form: FormState, offset: int) -> Json:
        report = await self._core.report_of(form.token)
        if report is None:
            raise NotAllowed(GONE)
        if (
            offset == 0 or form.token not in self._choice_labels
        ):  # thousands are not counted on each page
            await self._load_choice_labels(form.token)
        total, some = await self._core.proposals(
            report.id, offset=offset, limit=review.PAGE_SIZE, open_only=True
        )
        return review.review_modal(
            report=report,
            total=total,
            proposals=some,
            offset=offset,
            chosen=form.chosen,
            rest=form.rest,
            labels=self._choice_labels[form.token],
            private_metadata=dump_form(form),
        )

    async def _load_choice_labels(self, token: str) -> None:
        """Find out what may be chosen for all, and what it is called."""
        found = await self._core.preview(token, [BulkChoice(choice=each) for each in FOR_ALL])
        previews = [] if found is None else found[1]
        stores = frozenset().union(*(each.stores for each in previews))
        labels = bulk.labels(stores, await self._source())
        many = {each.choice for each in previews if each.taken > 1}
        while len(self._choice_labels) >= MAX_OPEN_FORMS:
            del self._choice_labels[next(iter(self._choice_labels))]
        self._choice_labels[token] = {each: words for each, words in labels.items() if each in many}

    async def _source(self) -> str:
        stores = (await self._core.overview()).stores
        return next((each.alias for each in stores if each.role is Role.SOURCE), "")

    async def turn_review(self, click: Click) -> None:
        """Turn to another page, and keep what was chosen on this one."""
        if click.view is None:
            return
        form = _after(load_form(click.view.metadata), click.view.state)
        offset = int(click.value) if click.value.isdecimal() else 0
        if len(dump_form(form)) > MAX_METADATA_CHARS:
            await self._redraw(click, sentence_modal("Review", TOO_MANY))
            return
        await self._redraw(click, await self._review_view(form, offset))

    async def bulk(self, click: Click) -> None:
        """Open the form for one choice for all."""
        await self._open(click, "Same choice for all", lambda _: self._bulk_view(click.value))

    async def _bulk_view(self, token: str) -> Json:
        found = await self._core.preview(token, [BulkChoice(choice=each) for each in FOR_ALL])
        if found is None:
            raise NotAllowed(GONE)
        report, previews = found
        _, some = await self._core.proposals(
            report.id, limit=bulk.MAX_PRODUCTS_LISTED, open_only=True
        )
        return bulk.bulk_modal(
            previews=previews,
            proposals=some,
            source=await self._source(),
            private_metadata=dump_form(FormState(token=token)),
        )

    async def number(self, click: Click) -> None:
        """Ask for a number."""
        await self._open(click, "Use a number", lambda _: self._number_view(click.value))

    async def _number_view(self, token: str) -> Json:
        proposal = await self._core.proposal(token)
        if proposal is None:
            raise NotAllowed(GONE)
        return review.number_modal(
            proposal=proposal, private_metadata=dump_form(FormState(token=token))
        )

    async def _open(self, click: Click, title: str, build: Build) -> None:
        """Open a modal at once, then fill it."""
        try:
            view_id = await self._context.slack.open_view(click.trigger, sentence_modal(title))
        except SlackError as exc:
            log.warning("a modal does not open", extra={"event": "modal_failed", "why": str(exc)})
            sentence = "Slack didn't open the form, usually because it took too long. Try again."
            await self._context.answer(click, answers.trouble(sentence=sentence))
            return
        while len(self._opened) >= MAX_OPEN_FORMS:
            del self._opened[next(iter(self._opened))]
        self._opened[view_id] = click
        try:
            view = await build(view_id)
        except NotAllowed as exc:
            view = sentence_modal(title, str(exc))
        except Exception:
            await self._fill(
                view_id, sentence_modal(title, "That didn't work. Close this and try again.")
            )
            raise
        await self._fill(view_id, view)

    async def _redraw(self, click: Click, view: Json) -> None:
        if click.view is not None:
            await self._fill(click.view.id, view, seen=click.view.hash)

    async def _fill(self, view_id: str, view: Json, *, seen: str = "") -> None:
        try:
            await self._context.slack.update_view(view_id, view, seen=seen)
        except SlackError as exc:
            log.warning("a modal is not filled", extra={"event": "modal_failed", "why": str(exc)})

    # -- submitting
    def errors(self, submission: Submission) -> Errors:
        """Return what is wrong with a form, by block: told before it closes, so no waiting here.

        What the form was made from is remembered; after a restart it is not, and the core says
        what is wrong when it is asked.
        """
        state = submission.view.state
        match submission.view.callback:
            case "places" if submission.view.id in self._before:
                return location_groups.location_groups_errors(
                    state, before=self._before[submission.view.id]
                )
            case "review":
                return review.review_errors(state)
        return {}

    async def _submit_location_groups(self, submission: Submission, _allowed: Allowed) -> None:
        known, _ = await self._core.location_groups()
        changed = location_groups.read_location_groups(submission.view.state, before=known)
        await self._core.set_location_groups(changed, submission.person)
        await self._tell(submission, answers.said(sentence="The shared locations are saved."))

    async def _submit_review(self, submission: Submission, allowed: Allowed) -> None:
        form = _after(load_form(submission.view.metadata), submission.view.state)
        if form.rest is not None:
            await self._preview(submission, form)
            return
        if not form.decided():
            await self._tell(submission, answers.said(sentence="You chose nothing: all stay open."))
            return
        outcome = await self._core.decide_some(
            form.token, form.decided(), submission.person, allowed.rule, where=_where(submission)
        )
        await self._decided(submission, outcome)

    async def _submit_bulk(self, submission: Submission, _allowed: Allowed) -> None:
        """Show what a choice for all would write."""
        state = submission.view.state
        out: PoolDecision = dict.fromkeys(sorted(bulk.read_without(state)), (None, None))
        form = load_form(submission.view.metadata)
        await self._preview(submission, replace(form, chosen=out, rest=bulk.read_choice(state)))

    async def _preview(self, submission: Submission, form: FormState) -> None:
        """Show what a form would write, and ask for the confirmation."""
        chosen = form.for_all()
        found = None if chosen is None else await self._core.preview(form.token, [chosen])
        await self._settle()
        if found is None:
            await self._fill(submission.view.id, sentence_modal("Same choice for all", GONE))
            return
        _, [preview] = found
        form = replace(form, upto=preview.upto)
        if len(dump_form(form)) > MAX_METADATA_CHARS:
            await self._fill(submission.view.id, sentence_modal("Same choice for all", TOO_MANY))
            return
        view = bulk.preview_modal(
            preview=preview,
            source=await self._source(),
            apart=len(form.decided()),
            private_metadata=dump_form(form),
        )
        await self._fill(submission.view.id, view)

    async def _submit_confirmed(self, submission: Submission, allowed: Allowed) -> None:
        """Decide what the preview has shown, and nothing else."""
        form = load_form(submission.view.metadata)
        chosen = form.for_all(zeros=bulk.read_zeros(submission.view.state))
        if chosen is None:
            raise NotAllowed(GONE)
        outcome = await self._core.decide_bulk(
            form.token,
            chosen,
            form.decided(),
            submission.person,
            allowed.rule,
            where=_where(submission),
        )
        await self._decided(submission, outcome)

    async def _submit_number(self, submission: Submission, allowed: Allowed) -> None:
        outcome = await self._core.decide(
            load_form(submission.view.metadata).token,
            Choice.USE_NUMBER,
            submission.person,
            allowed.rule,
            number=review.read_number(submission.view.state),
            where=_where(submission),
        )
        await self._decided(submission, outcome)

    async def _decided(self, submission: Submission, outcome: Clicked) -> None:
        """Show what came of it behind the form, then in it; after a restart in the form alone."""
        click = self._opened.pop(submission.view.id, None)
        if click is not None:
            await self._feedback.update_message(click, outcome)
        await self._tell(submission, await self._feedback.answer_to(outcome))
        if click is not None and outcome.answer is Answer.TAKEN:
            await self._feedback.follow_up(click, outcome)

    def _by_approver(self, decide: Decide) -> Submit:
        """Let only approvers submit a form; whoever may not is told in its place."""

        async def decided(submission: Submission) -> None:
            found = await self._context.approvers.authorize(submission.person)
            if isinstance(found, Allowed):
                await decide(submission, found)
                return
            await self._settle()
            await self._fill(submission.view.id, sentence_modal("Not allowed", found.why))

        return decided

    async def _tell(self, submission: Submission, said: Message) -> None:
        """Show the outcome where the form was; it stays there until they close it."""
        await self._settle()
        await self._fill(submission.view.id, message_modal(said))

    async def _settle(self) -> None:
        """Let Slack draw the waiting page first: it comes with the ack, and must not come last."""
        await self._context.clock.sleep(SETTLE_SECONDS)

    async def show_failure(self, view_id: str, sentence: str) -> None:
        """Say in the modal that something did not work."""
        await self._settle()
        await self._fill(view_id, sentence_modal("Tipo", sentence))


def _after(form: FormState, state: Mapping[str, Any]) -> FormState:
    """Return a form once a page of the review is read into it."""
    has_menu = review.REST in state
    rest = review.read_rest(state) if has_menu else form.rest
    return replace(form, chosen=review.chosen_after(form.chosen, state), rest=rest)


def _where(submission: Submission) -> str:
    return f"view {submission.view.id}"
