"""After a click: the message shows it at once, past every queue, and the outbox repairs the rest.

The core is the real one with a real database. No loop of Tipo runs in these tests but the one that
a test turns itself, so whatever a message shows was drawn by the click.
"""

import pytest

from bot.news import Policy
from bot.outbox import Outbox
from bot.sending import Sender
from sandbox.slack import Answer
from tests.bot.nights import REPORT, face_of, person_of, shown


async def test_a_click_changes_the_message_without_any_loop(night):
    """Sixteen seconds of live buttons make people click again."""
    message = await night.report()
    async with face_of(night):
        began = night.clock.now()
        deed = await night.office.slack.click(night.office.ann, message, "decide_all")
        await night.office.slack.until(lambda: "decide_all" not in shown(message), 5)
        assert night.clock.now() == began  # nothing has waited for anything
        assert "2 fixes approved by" in shown(message)
        assert night.office.ann.id in shown(message)
        assert "applying" in shown(message)
        assert "review" in shown(message)  # one finding is still open
        assert deed.told() == []  # the message itself is the answer
        await night.carried_out()
        await night.pass_time(2)
        assert "applying" not in shown(message)
        assert "Fixed 2 products" in shown(message)
    assert (await night.service.unsent()) == []


async def test_the_report_is_dismissed_at_once_too(night):
    """A dismissal is carried out by the click itself: nothing would be told later."""
    message = await night.report()
    async with face_of(night):
        await night.office.slack.click(night.office.ann, message, "dismiss_report")
        await night.office.slack.until(lambda: "dismiss_report" not in shown(message), 5)
    assert "Dismissed 3 mismatches" in shown(message)
    await night.pass_time(10)
    assert "Dismissed 3 mismatches" in shown(message)


async def test_ten_clicks_of_two_people_are_one_decision_and_one_message(night):
    """Whoever is second learns who was first; the buttons are gone for both."""
    office, message = night.office, await night.report()
    async with face_of(night):
        deeds = await office.slack.click_all([office.ann, office.bob] * 5, message, "decide_all")
        await office.slack.until(lambda: sum(len(d.told()) > 0 for d in deeds) >= 9, 10)
        await night.carried_out()
        await night.pass_time(10)
    assert len(await night.service.receipts()) == 1
    assert "decide_all" not in shown(message)
    assert shown(message).count("Fixed 2 products") == 1


@pytest.mark.parametrize("fault", [Answer.DROP_BEFORE, Answer.DROP_AFTER, Answer.ERROR_BEFORE])
async def test_a_lost_change_is_repaired_by_the_outbox(night, fault):
    """Within seconds, though nothing has been carried out: a store may be silent for minutes."""
    message = await night.report()
    async with face_of(night):
        office = night.office
        office.slack.faults.once("chat.update", fault, fault)
        deed = await office.slack.click(office.ann, message, "decide_all")
        await office.slack.until(deed.told, 5)
        assert "Approved 2 fixes" in deed.told()[0].text  # so they know
        await night.pass_time(6)
        assert "decide_all" not in shown(message)
        assert "applying" in shown(message)
        await night.carried_out()
        await night.pass_time(4)
        assert "Fixed 2 products" in shown(message)


async def test_a_process_that_dies_after_the_click_leaves_no_live_buttons(night):
    """What was decided is told in the commit that decides."""
    message = await night.report()
    ann = night.office.ann
    person = person_of(night, ann)
    await night.service.decide_all(REPORT, person, "listed")  # and nothing else any more
    night.box = night.new_box()
    night.clock.forward(31)
    await night.pass_time(8)
    assert "decide_all" not in shown(message)
    assert "applying" in shown(message)


async def test_what_the_outbox_drew_meanwhile_is_not_hidden(night):
    """A change that is under way while the outcome is drawn may land after it."""
    message = await night.report()
    post = await night.service.post_at(night.office.stock.id, message.ts)
    async with face_of(night) as face:
        person = person_of(night, night.office.ann)
        clicked = await night.service.decide_all(REPORT, person, "listed")
        drawing = face._bot.office.drawing
        update = drawing._workspace.update

        async def late(*args, **rest):
            await night.carried_out()
            await night.pass_time(3)
            assert "Fixed 2 products" in shown(message)
            await update(*args, **rest)

        drawing._workspace.update = late
        night.box = Outbox(
            night.service,
            Sender(night.service, night.workspace, night.clock),
            night.clock,
            Policy(channel=night.office.stock.id, stores=("eu", "us")),
            night.box._owner,
        )
        assert await drawing.again(post, clicked.receipt)
        assert "applying" in shown(message)
        await night.pass_time(3)
    assert "Fixed 2 products" in shown(message)
    assert "applying" not in shown(message)
