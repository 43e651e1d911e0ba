"""After a click: the message shows it at once, past every queue, and the outbox repairs the rest.

The core is the real one with a real database. No loop of Tipo runs in these tests but the one that
a test turns itself, so whatever a message shows was drawn by the click.
"""

import pytest

from bot.notifications import AlertPolicy
from bot.outbox import SlackOutbox
from sandbox.slack import SlackFault
from tests.bot.nights import REPORT, face_of, person_of, shown


async def test_a_click_changes_the_message_without_any_loop(night):
    """Sixteen seconds of live buttons make people click again."""
    message = await night.report()
    async with face_of(night):
        began = night.clock.now()
        interaction = await night.staff.slack.click(night.staff.ann, message, "decide_all")
        await night.staff.slack.until(lambda: "decide_all" not in shown(message), 5)
        assert night.clock.now() == began  # nothing has waited for anything
        assert "2 fixes approved by" in shown(message)
        assert night.staff.ann.id in shown(message)
        assert "applying" in shown(message)
        assert "review" in shown(message)  # one finding is still open
        assert interaction.ephemeral_replies() == []  # the message itself is the answer
        await night.carried_out()
        await night.pass_time(2)
        assert "applying" not in shown(message)
        assert "Fixed 2 products" in shown(message)
    assert (await night.service.unsent_posts()) == []


async def test_the_report_is_dismissed_at_once_too(night):
    """A dismissal is carried out by the click itself: nothing would be told later."""
    message = await night.report()
    async with face_of(night):
        await night.staff.slack.click(night.staff.ann, message, "dismiss_report")
        await night.staff.slack.until(lambda: "dismiss_report" not in shown(message), 5)
    assert "Dismissed 3 mismatches" in shown(message)
    await night.pass_time(10)
    assert "Dismissed 3 mismatches" in shown(message)


async def test_ten_clicks_of_two_people_are_one_decision_and_one_message(night):
    """Whoever is second learns who was first; the buttons are gone for both."""
    staff, message = night.staff, await night.report()
    async with face_of(night):
        interactions = await staff.slack.click_all(
            [staff.ann, staff.bob] * 5, message, "decide_all"
        )
        await staff.slack.until(
            lambda: sum(len(d.ephemeral_replies()) > 0 for d in interactions) >= 9, 10
        )
        await night.carried_out()
        await night.pass_time(10)
    assert len(await night.service.receipts()) == 1
    assert "decide_all" not in shown(message)
    assert shown(message).count("Fixed 2 products") == 1


@pytest.mark.parametrize(
    "fault", [SlackFault.DROP_BEFORE, SlackFault.DROP_AFTER, SlackFault.ERROR_BEFORE]
)
async def test_a_lost_change_is_repaired_by_the_outbox(night, fault):
    """Within seconds, though nothing has been carried out: a store may be silent for minutes."""
    message = await night.report()
    async with face_of(night):
        staff = night.staff
        staff.slack.faults.once("chat.update", fault, fault)
        interaction = await staff.slack.click(staff.ann, message, "decide_all")
        await staff.slack.until(interaction.ephemeral_replies, 5)
        assert "Approved 2 fixes" in interaction.ephemeral_replies()[0].text  # so they know
        await night.pass_time(6)
        assert "decide_all" not in shown(message)
        assert "applying" in shown(message)
        await night.carried_out()
        await night.pass_time(4)
        assert "Fixed 2 products" in shown(message)


async def test_a_process_that_dies_after_the_click_leaves_no_live_buttons(night):
    """What was decided is told in the commit that decides."""
    message = await night.report()
    ann = night.staff.ann
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
    post = await night.service.post_at(night.staff.stock.id, message.ts)
    async with face_of(night) as slack_app:
        person = person_of(night, night.staff.ann)
        clicked = await night.service.decide_all(REPORT, person, "listed")
        updater = slack_app._bot.context.updater
        update = updater._slack.update

        async def late(*args, **rest):
            await night.carried_out()
            await night.pass_time(3)
            assert "Fixed 2 products" in shown(message)
            await update(*args, **rest)

        updater._slack.update = late
        night.box = SlackOutbox(
            night.service,
            night.new_sender(),
            night.clock,
            AlertPolicy(channel=night.staff.stock.id, stores=("eu", "us")),
            night.box._owner,
        )
        assert await updater.update_now(post, clicked.receipt)
        assert "applying" in shown(message)
        await night.pass_time(3)
    assert "Fixed 2 products" in shown(message)
    assert "applying" not in shown(message)
