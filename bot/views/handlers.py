"""Forms that open over Slack: each opened by a click, submitted, and answered where it was.

People who see a form can read its `private_metadata`: it holds tokens and choices, never trust.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping

from bot.actions.feedback import DecisionFeedback
from bot.approvers import Allowed
from bot.handler_context import HandlerContext
from bot.home import AppHome
from bot.messages import answers, location_groups, review
from bot.payloads import Click, Submission
from bot.text import number_in
from bot.views.form_state import FormState, dump_form, load_form
from bot.views.modals import Json, Modals, remember, sentence_modal
from bot.views.review_form import GONE, ReviewForm
from bot.views.settings_form import SettingsForm
from sync_core.domain.location_groups import LocationGroups
from sync_core.domain.proposals import Answer, Choice, Clicked
from sync_core.errors import NotAllowed

CHANGED_MEANWHILE = (
    "The shared locations have changed since this form was opened. Nothing was saved: "
    "open it again with /tipo locations."
)

Errors = Mapping[str, str]
Submit = Callable[[Submission], Awaitable[None]]
Decide = Callable[[Submission, Allowed], Awaitable[None]]


class ViewHandlers:
    """Opens forms, and answers what is submitted."""

    def __init__(self, context: HandlerContext, feedback: DecisionFeedback, home: AppHome) -> None:
        self._context = context
        self._feedback = feedback
        self._core = context.core
        self._modals = Modals(context)
        self.reviews = ReviewForm(context, self._modals, self._decided)
        self.settings = SettingsForm(context, self._modals, home.show)
        by_approver = self._by_approver
        self.handlers: dict[str, Submit] = {
            "places": by_approver(self._submit_location_groups),
            "review": by_approver(self.reviews.submit),
            "bulk": by_approver(self.reviews.submit_bulk),
            "bulk_confirm": by_approver(self.reviews.submit_confirmed),
            "settings": by_approver(self.settings.submit),
            "number": by_approver(self._submit_number),
        }
        self._before: dict[str, LocationGroups] = {}  # what a form was made from, by its view

    # -- opening
    async def location_groups(self, click: Click) -> None:
        """Open the form for the location map."""
        await self._modals.open(
            click, "Shared locations", lambda view_id: self._location_groups_view(view_id, 0)
        )

    async def _location_groups_view(self, view_id: str, offset: int) -> Json:
        known, _ = await self._core.location_groups()
        remember(self._before, view_id, known)
        locations = await self._core.locations()
        return location_groups.location_groups_modal(
            location_groups=known,
            locations=locations,
            private_metadata=json.dumps({"offset": offset, "map": _digest(known)}),
            offset=offset,
        )

    async def turn_location_groups(self, click: Click) -> None:
        """Turn to another page of the location map."""
        offset = number_in(click.value) or 0
        await self._modals.redraw(
            click, lambda view_id: self._location_groups_view(view_id, offset)
        )

    async def number(self, click: Click) -> None:
        """Ask for a number."""
        await self._modals.open(click, "Use a number", lambda _: self._number_view(click.value))

    async def _number_view(self, token: str) -> Json:
        proposal = await self._core.proposal(token)
        if proposal is None:
            raise NotAllowed(GONE)
        return review.number_modal(
            proposal=proposal, private_metadata=dump_form(FormState(token=token))
        )

    # -- submitting
    async def errors(self, submission: Submission) -> Errors:
        """Return what is wrong with a form, by block: told before it closes, so no long waiting.

        What the form was made from is remembered; after a restart it is not, and the core says
        what is wrong when it is asked.
        """
        view = submission.view
        found: Errors = {}
        if view.callback == "places" and view.id in self._before:
            before = self._before[view.id]
            found = location_groups.location_groups_errors(view.state, before=before)
        elif view.callback == "review":
            found = review.review_errors(view.state)
        elif view.callback == "settings":
            found = await self.settings.errors(submission)
        if not found:
            self._modals.supersede(view.id)
        return found

    async def _submit_location_groups(self, submission: Submission, _allowed: Allowed) -> None:
        known, _ = await self._core.location_groups()
        if _seen(submission.view.metadata) not in {"", _digest(known)}:
            raise NotAllowed(CHANGED_MEANWHILE)
        changed = location_groups.read_location_groups(submission.view.state, before=known)
        await self._core.set_location_groups(changed, submission.person)
        said = answers.said(sentence="The shared locations are saved.")
        await self._modals.tell(submission, said)

    async def _submit_number(self, submission: Submission, allowed: Allowed) -> None:
        outcome = await self._core.decide(
            load_form(submission.view.metadata).token,
            Choice.USE_NUMBER,
            submission.person,
            allowed.rule,
            number=review.read_number(submission.view.state),
            where=f"view {submission.view.id}",
        )
        await self._decided(submission, outcome)

    async def _decided(self, submission: Submission, outcome: Clicked) -> None:
        """Show what came of it behind the form, then in it; after a restart in the form alone."""
        click = self._modals.opened_by(submission.view.id)
        if click is not None:
            await self._feedback.update_message(click, outcome)
        await self._modals.tell(submission, await self._feedback.answer_to(outcome))
        if click is not None and outcome.answer is Answer.TAKEN:
            await self._feedback.follow_up(click, outcome)

    def _by_approver(self, decide: Decide) -> Submit:
        """Let only approvers submit a form; others are told so in its place."""

        async def decided(submission: Submission) -> None:
            found = await self._context.approvers.authorize(submission.person)
            if isinstance(found, Allowed):
                await decide(submission, found)
                return
            await self._modals.settle()
            await self._modals.fill(submission.view.id, sentence_modal("Not allowed", found.why))

        return decided

    async def show_failure(self, view_id: str, sentence: str) -> None:
        """Say in the form that something did not work."""
        await self._modals.show_failure(view_id, sentence)


def _digest(known: LocationGroups) -> str:
    """Return by what a form knows again the map that it was made from."""
    rows = [[each.id, each.name, sorted(each.locations.items())] for each in known]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def _seen(metadata: str) -> str:
    """Return which map a form was made from; empty if it does not say so."""
    try:
        return str(json.loads(metadata).get("map") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""
