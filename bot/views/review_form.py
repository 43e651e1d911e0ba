"""The review of a report: its pages, what is chosen on them, and what comes of it.

somebody                     then
---------------------------  -----------------------------------------------------------
opens it                     safe fixes are chosen, for all pages
chooses in a menu            the page is drawn again: a field where a number is to be
entered, how many fixes the button applies, who was faster
turns the page               what was chosen is kept; not while a number is missing
submits, a choice for all    what it would write is shown first
submits, anything else       it is decided; what somebody else decided before is named
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.approvers import Allowed
from bot.handler_context import HandlerContext
from bot.messages import answers, bulk, review
from bot.payloads import Click, Submission
from bot.text import number_in
from bot.views.form_state import FormState, dump_form, load_form
from bot.views.modals import Json, Modals, remember, sentence_modal
from sync_core.domain.bulk_decisions import FOR_ALL, BulkChoice, BulkPreview
from sync_core.domain.proposals import Choice, Clicked, Proposal, ProposalState, Report
from sync_core.domain.values import Role
from sync_core.errors import NotAllowed

GONE = "This isn't open any more. Type /tipo drift to see what is."
TOO_MANY = "That's more than one form can hold. Open it again and decide in two parts."
FULL = "This form can't remember more choices. Apply these first, then open it again."
NOTHING_CHOSEN = "You chose nothing: all stay open."

ChoiceLabels = Mapping[Choice | None, str]
Decided = Callable[[Submission, Clicked], Awaitable[None]]


class ReviewForm:
    """The review of a report, and the one choice for all of it."""

    def __init__(self, context: HandlerContext, modals: Modals, decided: Decided) -> None:
        self._context = context
        self._core = context.core
        self._modals = modals
        self._decided = decided
        # What may be chosen for all, by the report's token: thousands are not counted on each page.
        self._choice_labels: dict[str, ChoiceLabels] = {}

    # -- the review
    async def open(self, click: Click) -> None:
        """Open the review of a report: what is safe is chosen."""
        await self._modals.open(click, "Review", lambda _: self._first_page(click.value))

    async def _first_page(self, token: str) -> Json:
        report, previews = await self._load_choice_labels(token)
        upto = max(each.upto for each in previews)
        rest = review.SUGGESTED if report.safe else review.LEAVE
        return await self._page_at(FormState(token=token, rest=rest, upto=upto), report, 0)

    async def turn(self, click: Click) -> None:
        """Turn to another page, and keep what was chosen on this one."""
        if click.view is None:
            return
        before, state = load_form(click.view.metadata), click.view.state
        form = form_after(before, state)
        offset = number_in(click.value) or 0

        async def build(_view_id: str) -> Json:
            if missing := review.missing_numbers(state):
                names = [each.title for each in await self._core.fixes(missing)]
                return await self._same_page(form, before, notice=review.enter_first(names))
            if form.is_too_long:
                return await self._same_page(form, before, notice=FULL)
            return await self._page_at(form, await self._report(form.token), offset)

        await self._modals.redraw(click, build)

    async def choose(self, click: Click) -> None:
        """Show what a choice in a menu changes: a number's field, how many fixes are applied."""
        if click.view is None:
            return
        before = load_form(click.view.metadata)
        form = form_after(before, click.view.state)

        async def build(_view_id: str) -> Json:
            return await self._same_page(form, before)

        await self._modals.redraw(click, build)

    async def _page_at(self, form: FormState, report: Report, offset: int) -> Json:
        """Return a page of what is open now."""
        total, some = await self._core.proposals(
            report.id, offset=offset, limit=review.PAGE_SIZE, open_only=True
        )
        page = tuple(each.id for each in some)
        return await self._drawn(replace(form, offset=offset, page=page), report, total, some)

    async def _same_page(self, form: FormState, before: FormState, notice: str = "") -> Json:
        """Return the page that is shown, as it is now: nothing on it moves under people's hands.

        What the form cannot remember any more is on the page itself, and stays there.
        """
        report = await self._report(form.token)
        some = await self._core.fixes(form.page)
        gone = frozenset(each.id for each in some if each.state is not ProposalState.OPEN)
        form, metadata = form.without(gone), ""
        if form.is_too_long:
            notice, metadata = notice or FULL, dump_form(replace(before, rest=form.rest))
        return await self._drawn(form, report, report.open, some, notice, metadata)

    async def _drawn(
        self,
        form: FormState,
        report: Report,
        total: int,
        proposals: Sequence[Proposal],
        notice: str = "",
        metadata: str = "",
    ) -> Json:
        if form.token not in self._choice_labels:  # after a restart
            await self._load_choice_labels(form.token)
        return review.review_modal(
            report=report,
            total=total,
            proposals=proposals,
            offset=form.offset,
            chosen=form.chosen,
            rest=form.rest,
            labels=self._choice_labels[form.token],
            notice=notice,
            private_metadata=metadata or dump_form(form),
        )

    async def _report(self, token: str) -> Report:
        report = await self._core.report_of(token)
        if report is None:
            raise NotAllowed(GONE)
        return report

    async def _load_choice_labels(self, token: str) -> tuple[Report, list[BulkPreview]]:
        """Find out what may be chosen for all, and what it is called."""
        report, previews = await self._previews(token)
        stores = frozenset().union(*(each.stores for each in previews))
        labels = bulk.labels(stores, await self._source())
        many = {each.choice for each in previews if each.taken > 1}
        if report.safe:
            many.add(None)
        known = {each: words for each, words in labels.items() if each in many}
        remember(self._choice_labels, token, known)
        return report, previews

    async def _previews(self, token: str) -> tuple[Report, list[BulkPreview]]:
        """Return a report, and what each choice for all would write now."""
        found = await self._core.preview(token, [BulkChoice(choice=each) for each in FOR_ALL])
        if found is None:
            raise NotAllowed(GONE)
        return found

    async def _source(self) -> str:
        stores = (await self._core.overview()).stores
        return next((each.alias for each in stores if each.role is Role.SOURCE), "")

    async def submit(self, submission: Submission, allowed: Allowed) -> None:
        """Decide what is chosen; what is chosen for all is shown first."""
        form = form_after(load_form(submission.view.metadata), submission.view.state)
        chosen = form.for_all()
        if chosen is not None and chosen.choice is not None:
            await self._preview(submission, form)
            return
        safe = (await self._report(form.token)).safe
        if review.count_chosen(form.rest, form.chosen, safe) < 1:
            await self._modals.tell(submission, answers.said(sentence=NOTHING_CHOSEN))
            return
        await self._decide(submission, allowed, form, chosen)

    async def _decide(
        self,
        submission: Submission,
        allowed: Allowed,
        form: FormState,
        chosen: BulkChoice | None,
    ) -> None:
        where = f"view {submission.view.id}"
        by, rule, decided = submission.person, allowed.rule, form.decided()
        if chosen is None:
            outcome = await self._core.decide_some(form.token, decided, by, rule, where=where)
        else:
            outcome = await self._core.decide_bulk(
                form.token, chosen, decided, by, rule, where=where
            )
        await self._decided(submission, outcome)

    # -- one choice for all
    async def open_bulk(self, click: Click) -> None:
        """Open the form for one choice for all."""
        await self._modals.open(
            click, "Same choice for all", lambda _: self._bulk_view(click.value)
        )

    async def _bulk_view(self, token: str) -> Json:
        report, previews = await self._previews(token)
        _, some = await self._core.proposals(
            report.id, limit=bulk.MAX_PRODUCTS_LISTED, open_only=True
        )
        return bulk.bulk_modal(
            previews=previews,
            proposals=some,
            source=await self._source(),
            private_metadata=dump_form(FormState(token=token)),
        )

    async def submit_bulk(self, submission: Submission, _allowed: Allowed) -> None:
        """Show what a choice for all would write."""
        state = submission.view.state
        left_out = sorted(bulk.read_without(state))
        out = dict.fromkeys(left_out, review.Picked(None))
        form = load_form(submission.view.metadata)
        choice = bulk.read_choice(state)
        rest = review.LEAVE if choice is None else choice.value
        await self._preview(submission, replace(form, chosen=out, rest=rest))

    async def _preview(self, submission: Submission, form: FormState) -> None:
        """Show what a form would write, and ask for the confirmation."""
        chosen, form = form.for_all(), replace(form, page=())
        found = None if chosen is None else await self._core.preview(form.token, [chosen])
        await self._modals.settle()
        view_id = submission.view.id
        if found is None:
            await self._modals.fill(view_id, sentence_modal("Same choice for all", GONE))
            return
        _, [preview] = found
        form = replace(form, upto=preview.upto)
        if form.is_too_long:
            await self._modals.fill(view_id, sentence_modal("Same choice for all", TOO_MANY))
            return
        view = bulk.preview_modal(
            preview=preview,
            source=await self._source(),
            apart=len(form.decided()),
            private_metadata=dump_form(form),
        )
        await self._modals.fill(view_id, view)

    async def submit_confirmed(self, submission: Submission, allowed: Allowed) -> None:
        """Decide what the preview has shown, and nothing else."""
        form = load_form(submission.view.metadata)
        chosen = form.for_all(zeros=bulk.read_zeros(submission.view.state))
        if chosen is None:
            raise NotAllowed(GONE)
        await self._decide(submission, allowed, form, chosen)


def form_after(form: FormState, state: Mapping[str, Any]) -> FormState:
    """Return a form once the page of the review that is shown is read into it."""
    rest = review.read_rest(state) if review.REST in state else form.rest
    return replace(form, chosen=review.chosen_after(form.chosen, state), rest=rest)
