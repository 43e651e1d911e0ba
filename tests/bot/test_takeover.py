"""Take over in Slack: the question that was asked is answered, once, by somebody who may."""

import json

import pytest

from bot.approvers import PREFERENCE as APPROVERS
from sync_core.domain.lease import LeaseState, Mark, lease_news
from sync_core.domain.values import Alias, Role
from tests.bot.nights import face_of, person_of, shown

EU, US = Alias("eu"), Alias("us")
TAKE_OVER = "take_over"


async def find(night, state, *stores, instance="0123456789abcdef"):
    """Note what the marks of stores mean, as whoever serves would, and let Slack hear of it."""
    now = night.clock.now()
    found = Mark(instance=instance, renewal="r", at=now)

    def work(ledger):
        for each in stores:
            mark = None if state is LeaseState.OURS else found
            ledger.lease_found(each, state, mark, weak=False, now=now)
        ledger.tell(lease_news(ledger.leases().values()), now=now)

    await night.step(work)
    await night.pass_time(40)


async def states(night):
    return {each.store: each.state.value for each in await night.service.leases()}


async def end(night, *stores):
    """Do as if whoever serves had taken over."""
    now = night.clock.now()

    def work(ledger):
        for each in stores:
            ledger.end_takeover(each, now=now)
        ledger.tell(lease_news(ledger.leases().values()), now=now)

    await night.step(work)
    await night.pass_time(40)


def alerts(night):
    return night.office.slack.messages(night.office.stock, by=night.office.slack.bot)


def offers(message):
    return TAKE_OVER in shown(message)


async def type_(night, line, person=None):
    office = night.office
    deed = await office.slack.command(person or office.ann, f"/tipo {line}", channel=office.stock)
    return await deed.answer()


async def click(night, message, person=None):
    deed = await night.office.slack.click(person or night.office.ann, message, TAKE_OVER)
    assert deed.acked
    return await deed.answer()


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
    deed = await night.office.slack.click_raw(person or night.office.ann, message, button)
    return await deed.answer()


@pytest.fixture
async def home(night):
    def work(ledger):
        ledger.enlist(EU, "urbanwear-eu.myshopify.com", Role.SOURCE)
        ledger.enlist(US, "urbanwear-us.myshopify.com", Role.DESTINATION)

    await night.step(work)
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
    assert said.only_for == home.office.ann.id
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
    office, (alert,) = home.office, alerts(home)
    both = [office.ann, office.bob]
    deeds = await office.slack.click_all(both, alert, TAKE_OVER)
    said = sorted([(await each.answer()).text for each in deeds], key=len)
    assert sum("Taking over US" in each for each in said) == 1
    assert sum("was faster and is taking over US" in each for each in said) == 1
    (lease,) = await home.service.leases()
    assert lease.by in {"ann", "bob"}


async def test_a_click_that_comes_when_all_is_over_does_nothing(home):
    """Somebody's Slack shows an old message, or somebody answered on the command line."""
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    button = button_of(alert)
    await click(home, alert)
    await end(home, US)
    said = await click_late(home, alert, button, home.office.bob)
    assert "writes to US already. Nothing was done" in said.text
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
    assert "Things have changed" in said.text
    await find(home, LeaseState.OLDER, EU, US)
    assert "Things have changed" in (await click_late(home, alert, button)).text
    assert await states(home) == {"eu": "older", "us": "older"}


@pytest.mark.parametrize("who", ["stranger", "guest", "carl"])
async def test_whoever_may_not_takes_nothing_over(home, who):
    office = home.office
    office.stock.members.append(office.carl.id)
    await home.service.set_preference(
        APPROVERS, json.dumps([office.ann.id]), person_of(home, office.ann)
    )
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    somebody = getattr(office, who)
    assert "may" in (await click(home, alert, somebody)).text
    assert "may" in (await type_(home, "takeover", somebody)).text
    assert await states(home) == {"us": "foreign"}
    assert "Taking over US" in (await click(home, alert)).text


@pytest.mark.parametrize("value", ["made up", "us 2026-11-23T12:00:00+00:00", "*", "us", ","])
async def test_a_forged_button_takes_nothing_over(home, value):
    await find(home, LeaseState.FOREIGN, US)
    (alert,) = alerts(home)
    forged = {"action_id": TAKE_OVER, "value": value}
    deed = await home.office.slack.click_raw(home.office.ann, alert, forged)
    assert "Things have changed" in (await deed.answer()).text
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
    said = await click_late(home, alert, button, home.office.bob)
    assert "ann was faster and is taking over EU and US" in said.text
    await end(home, EU, US)
    assert "writes to EU and US already" in (await click_late(home, alert, button)).text


async def test_the_command_asks_for_all_that_there_is_to_take_over(home):
    await find(home, LeaseState.FOREIGN, EU, US)
    question = await type_(home, "takeover")
    assert "Another Tipo writes to EU and US" in question.text
    assert question.only_for == home.office.ann.id
    assert await states(home) == {"eu": "foreign", "us": "foreign"}
    assert "Taking over EU and US" in (await click(home, question)).text
    assert await states(home) == {"eu": "taking_over", "us": "taking_over"}
    assert "ann is taking over eu and us" in (await type_(home, "takeover")).text


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
        ("takeover us", "no other Tipo writes to us"),
        ("takeover mars", "there is no store mars; the stores are eu, us"),
        ("takeover us eu", "Type it like this: /tipo takeover [store]"),
    ],
)
async def test_where_there_is_nothing_to_take_over_it_says_so(home, line, words):
    await find(home, LeaseState.OURS, EU, US)
    assert words in (await type_(home, line)).text


async def test_status_says_who_writes_and_what_to_do(home):
    await find(home, LeaseState.OURS, EU)
    await find(home, LeaseState.FOREIGN, US)
    await home.service.beat()
    said = await type_(home, "status")
    assert "Another Tipo writes to US, so this one does not. See" in said.text
    assert "/tipo takeover" in said.text
    assert "another Tipo writes" in shown(said)
    assert "This Tipo writes to EU since" in shown(said)
