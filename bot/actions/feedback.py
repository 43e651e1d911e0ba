"""Show what came of a decision: in the message that asked, at once and in the end.

somebody decided in                 they see at once                   and in the end
----------------------------------  ---------------------------------  -------------------------
a message of ours, for all          who decided; its buttons are gone  the outbox says what came
                                                                       of it
a list that only they see           the list without it, who decided   the list, what came of it
a question that only they see       that it is being carried out       its receipt
a form                              in the form; the message behind    as the message does
                                    it as above
"""

from bot.handler_context import HandlerContext
from bot.messages import proposals, reports
from bot.messages.block_kit import Message
from bot.messages.decisions import decision_answer
from bot.payloads import Click
from sync_core.domain.proposals import Answer, Clicked, Receipt, ReportKind
from sync_core.domain.views import Post

MAX_RECEIPT_POLLS = 20  # looks at a receipt that is being carried out
RECEIPT_POLL_SECONDS = 0.5  # seconds from one look to the next
MAX_PROPOSALS_LISTED = 50  # proposals of a list


class DecisionFeedback:
    """Shows what came of decisions."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._core = context.core

    async def show_outcome(self, click: Click, outcome: Clicked) -> None:
        """Show what came of a click in its message; where that says nothing new, in words."""
        is_taken = outcome.answer is Answer.TAKEN
        if not is_taken or not await self.update_message(click, outcome):
            replace = _is_question(outcome) and _is_private(click)
            await self._context.answer(click, await self.answer_to(outcome), replace=replace)
        if is_taken:
            await self.follow_up(click, outcome)
        else:
            await self.update_message(
                click, outcome
            )  # its buttons should be gone: whatever was lost

    async def answer_to(self, outcome: Clicked) -> Message:
        """Return the answer to a decision; what it mentions leads to its message."""
        links = await self._context.links.links(
            reports=[outcome.report], receipts=[outcome.receipt]
        )
        return decision_answer(clicked=outcome, links=links)

    async def update_message(self, click: Click, outcome: Clicked) -> bool:
        """Draw the message of a click again, without the buttons that are decided."""
        post = await self._post_of(click)
        if post is not None:
            receipt = outcome.receipt if outcome.answer is Answer.TAKEN else None
            return await self._context.updater.update_now(post, receipt)
        if _is_question(outcome) or not click.response_url:
            return False
        listed = await self._list_of(outcome) if outcome.answer is Answer.TAKEN else None
        if listed is not None:
            await self._context.answer(click, listed, replace=True)
        return listed is not None

    async def follow_up(self, click: Click, outcome: Clicked) -> None:
        """Wait for what is carried out, and show it where the outbox does not."""
        if await self._post_of(click) is not None:
            return
        receipt = await self._carried_out(outcome.receipt)
        if receipt is not None and _is_question(outcome):
            await self._context.answer(click, proposals.receipt(receipt=receipt), replace=True)
        elif click.response_url and (message := await self._list_of(outcome)) is not None:
            await self._context.answer(click, message, replace=True)

    async def _post_of(self, click: Click) -> Post | None:
        """Return the post in which somebody clicked, if it is one."""
        if click.ephemeral or not click.ts:
            return None
        return await self._core.post_at(click.channel, click.ts)

    async def _list_of(self, outcome: Clicked) -> Message | None:
        """Return the newest look at what is open, as it is now, with what somebody decided."""
        report = await self._core.last_report(ReportKind.DRIFT)
        if outcome.receipt is None or report is None:
            return None
        _, found = await self._core.proposals(report.id, limit=MAX_PROPOSALS_LISTED)
        receipt = await self._core.receipt(outcome.receipt)
        receipts = [] if receipt is None else [receipt]
        return reports.report(report=report, proposals=found, receipts=receipts)

    async def _carried_out(self, receipt_id: int | None) -> Receipt | None:
        """Return the receipt once nothing of it is running any more, or as it is in the end."""
        receipt = None if receipt_id is None else await self._core.receipt(receipt_id)
        for _ in range(MAX_RECEIPT_POLLS):
            if receipt is None or not receipt.running:
                break
            await self._context.clock.sleep(RECEIPT_POLL_SECONDS)
            receipt = await self._core.receipt(receipt.id)
        return receipt


def _is_private(click: Click) -> bool:
    """Whether only they see the message in which they clicked."""
    return click.ephemeral or click.channel.startswith("D")


def _is_question(outcome: Clicked) -> bool:
    """Whether the message asked one question alone, so that its answer may take its place."""
    one = outcome.proposal
    return one is not None and one.kind in proposals.QUESTIONS
