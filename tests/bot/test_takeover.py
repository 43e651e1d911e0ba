"""Take over in Slack: the question that was asked is answered, once, by somebody who may."""

import json

import pytest

from bot.preferences import APPROVERS
from sync_core.domain.leases import LeaseMark, LeaseState, lease_news
from sync_core.domain.values import Alias, Role
from tests.bot.nights import face_of, person_of, shown

EU, US = Alias("eu"), Alias("us")
TAKE_OVER = "take_over"


async def find(night, state, *stores, instance="0123456789abcdef"):
    """Note what the marks of stores mean, as whoever serves would, and let Slack hear of it."""
    now = night.clock.now()
    found = LeaseMark(instance=instance, renewal="r", at=now)

    def work(tx):
        for each in stores:
            mark = None if state is LeaseState.OURS else found
            tx.leases.note(each, state, mark, weak=False, now=now)
        tx.notifications.notify(lease_news(tx.leases.all().values()), now=now)

    await night.transaction(work)
    await night.pass_time(40)


async def states(night):
    return {each.store: each.state.value for each in await night.service.leases()}


async def end(night, *stores):
    """Do as if whoever serves had taken over."""
    now = night.clock.now()

    def work(tx):
        for each in stores:
            tx.leases.end_takeover(each, now=now)
        tx.notifications.notify(lease_news(tx.leases.all().values()), now=now)

    await night.transaction(work)
    await night.pass_time(40)


def alerts(night):
    return night.staff.slack.messages(night.staff.stock, by=night.staff.slack.bot)


def offers(message):
    return TAKE_OVER in shown(message)


async def type_(night, line, person=None):
    staff = night.staff
    interaction = await staff.slack.command(
        person or staff.ann, f"/tipo {line}", channel=staff.stock
    )
    return await interaction.answer()


async def click(night, message, person=None):
    interaction = await night.staff.slack.click(person or night.staff.ann, message, TAKE_OVER)
    assert interaction.acked
    return await interaction.answer()


def button_of(message):
    """Return the button as somebody's Slack may show it long after it is gone."""
    return next(
        {"action_id": each["action_id"], "value": each["value"]}
        for block in message.blocks
        if block["type"] == "actions"
        for each in block["elements"]
        if each["action_id"] == TAKE_OVER
    )


async def click_late(night, message, button, person=None):
    interaction = await night.staff.slack.click_raw(person or night.staff.ann, message, button)
    return await interaction.answer()


@pytest.fixture
async def home(night):
    def work(tx):
        tx.stores.register(EU, "urbanwear-eu.myshopify.com", Role.SOURCE)
        tx.stores.register(US, "urbanwear-us.myshopify.com", Role.DESTINATION)

    await night.transaction(work)
    async with face_of(night):
        yield night


async def test_the_alert_offers_to_take_over_and_says_what_happens_then(home):
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    assert "Another Tipo writes to US (89abcdef)" in alert.text
    for words in ("stops within a minute", "its numbers as they are", "wait for your decision"):
        assert words in shown(alert)
    said = await click(home, alert)
    assert "Taking over US" in said.text
    assert said.only_for == home.staff.ann.id
    assert await states(home) == {"us": "taking_over"}
    await home.pass_time(40)
    assert "ann is taking over US" in alerts(home)[0].text
    assert not offers(alerts(home)[0])
    assert "button" not in shown(alerts(home)[0])
    await end(home, US)
    assert "Resolved" in alerts(home)[0].text
    assert await states(home) == {"us": "ours"}


async def test_two_who_click_at_once_take_over_once(home):
    await find(home, LeaseState.FOREIGN, US)
    staff, (alert,) = home.staff, alerts(home)
    both = [staff.ann, staff.bob]
    interactions = await staff.slack.click_all(both, alert, TAKE_OVER)
    said = sorted([(await each.answer()).text for each in interactions], key=len)
    assert sum("Taking over US" in each for each in said) == 1
    assert sum("is taking over US already" in each for each in said) == 1
    (lease,) = await home.service.leases()
    assert lease.by in {"ann", "bob"}


async def test_a_click_that_comes_when_all_is_over_does_nothing(home):
    """Somebody's Slack shows an old message, or somebody answered on the command line."""
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    button = button_of(alert)
    await click(home, alert)
    await end(home, US)
    said = await click_late(home, alert, button, home.staff.bob)
    assert "writes to US already. Nothing was changed" in said.text
    assert await states(home) == {"us": "ours"}


async def test_a_click_answers_the_question_that_was_asked_and_no_later_one(home):
    """Meanwhile somebody else has come, or the whole database turned out to be older."""
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    button = button_of(alert)
    await click(home, alert)
    await end(home, US)
    await find(home, LeaseState.FOREIGN, US, instance="another one")
    said = await click_late(home, alert, button)
    assert "Something has changed" in said.text
    await find(home, LeaseState.OLDER, EU, US)
    assert "Something has changed" in (await click_late(home, alert, button)).text
    assert await states(home) == {"eu": "older", "us": "older"}


@pytest.mark.parametrize("who", ["stranger", "guest", "carl"])
async def test_whoever_may_not_takes_nothing_over(home, who):
    staff = home.staff
    staff.stock.members.append(staff.carl.id)
    await home.service.set_preferences(
        {APPROVERS: json.dumps([staff.ann.id])}, person_of(home, staff.ann)
    )
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    somebody = getattr(staff, who)
    assert "can" in (await click(home, alert, somebody)).text
    assert "can" in (await type_(home, "takeover", somebody)).text
    assert await states(home) == {"us": "foreign"}
    assert "Taking over US" in (await click(home, alert)).text


@pytest.mark.parametrize("value", ["made up", "us 2026-11-23T12:00:00+00:00", "*", "us", ","])
async def test_a_forged_button_takes_nothing_over(home, value):
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    forged = {"action_id": TAKE_OVER, "value": value}
    interaction = await home.staff.slack.click_raw(home.staff.ann, alert, forged)
    assert "Something has changed" in (await interaction.answer()).text
    assert await states(home) == {"us": "foreign"}


async def test_an_older_database_takes_the_numbers_of_every_store(home):
    await find(home, LeaseState.OLDER, EU, US)
    (alert,) = alerts(home)
    assert "This database is older than what Tipo has done in EU and US" in alert.text
    assert "Take the stores' numbers" in shown(alert)
    assert "no newer backup" in shown(alert)
    button = button_of(alert)
    assert "Taking over EU and US" in (await click(home, alert)).text
    assert await states(home) == {"eu": "taking_over", "us": "taking_over"}
    said = await click_late(home, alert, button, home.staff.bob)
    assert "ann is taking over EU and US already" in said.text
    await end(home, EU, US)
    assert "writes to EU and US already" in (await click_late(home, alert, button)).text


async def test_the_command_asks_for_all_that_there_is_to_take_over(home):
    await find(home, LeaseState.FOREIGN, EU, US)
    question = await type_(home, "takeover")
    assert "Another Tipo writes to EU and US" in question.text
    assert question.only_for == home.staff.ann.id
    assert await states(home) == {"eu": "foreign", "us": "foreign"}
    assert "Taking over EU and US" in (await click(home, question)).text
    assert await states(home) == {"eu": "taking_over", "us": "taking_over"}
    assert "Ann is taking over EU and US" in (await type_(home, "takeover")).text


async def test_the_command_takes_one_store_over(home):
    await find(home, LeaseState.FOREIGN, EU, US)
    question = await type_(home, "takeover US")
    assert "Another Tipo writes to US" in question.text
    await click(home, question)
    assert await states(home) == {"eu": "foreign", "us": "taking_over"}


async def test_the_command_asks_about_the_whole_database_whichever_store_is_named(home):
    await find(home, LeaseState.OLDER, EU, US)
    question = await type_(home, "takeover us")
    assert "older than what Tipo has done in EU and US" in question.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("takeover", "there is nothing to take over"),
        ("takeover us", "No other Tipo writes to US"),
        ("takeover mars", "There is no store mars; the stores are eu, us"),
        ("takeover us eu", "Type it like this: /tipo takeover [store]"),
    ],
)
async def test_where_there_is_nothing_to_take_over_it_says_so(home, line, words):
    await find(home, LeaseState.OURS, EU, US)
    assert words in (await type_(home, line)).text


async def test_status_says_who_writes_and_what_to_do(home):
    await find(home, LeaseState.OURS, EU)
    await find(home, LeaseState.FOREIGN, US)
    await home.service.heartbeat()
    said = await type_(home, "status")
    assert "Another Tipo writes to US, so this one does not. See" in said.text
    assert "/tipo takeover" in said.text
    assert "another Tipo writes" in shown(said)
    assert "This Tipo writes to EU since" in shown(said)
