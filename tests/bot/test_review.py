"""The review of a report: what is chosen already, what a choice changes, and what survives.

The core is the real one with a real database; requests are signed and come over HTTP.
"""

import asyncio
import json

import pytest

from bot.views.form_state import FormState, dump_form, load_form
from sandbox.slack.form_input import ImpossibleAction
from sync_core.domain.proposals import Choice, Option, ProposalKind, ProposalState, Write
from sync_core.ports import Draft
from tests.bot.nights import APPROVED, OPEN, face_of, front, modal, person_of, shown, states

pytestmark = pytest.mark.usefixtures("breathing")


def options(_at):
    writes = (Write(store="us", before=47, after=45),)
    return (
        Option(choice=Choice.USE_SOURCE, words="Use EU's number: 45", target=45, writes=writes),
        Option(choice=Choice.USE_NUMBER, words="Enter a number"),
        Option(choice=Choice.IGNORE, words="Ignore permanently"),
    )


async def fifteen(night):
    """A report of fifteen products, twelve of them with a safe fix."""
    return await night.report(findings=15, safe=12, options=options)


def label(view):
    return view.content.get("submit", {}).get("text", "")


async def opened(night, message, person=None):
    await night.staff.slack.click(person or night.staff.ann, message, "review")
    return await modal(night, "page 1 of 2", person)


async def chosen(night, view, value, nth=0, person=None):
    """Choose in a menu, and wait until the form is drawn again."""
    person, before = person or night.staff.ann, view.hash
    interaction = await night.staff.slack.select(person, view, "review.choice", value, nth=nth)
    assert interaction.acked
    await night.staff.slack.until(lambda: front(night, person).hash != before, 5)
    return front(night, person)


async def submitted(night, view, holds, values=None, person=None):
    interaction = await night.staff.slack.submit(person or night.staff.ann, view, values)
    assert interaction.acked
    return await modal(night, holds, person)


def fields(view, kind):
    return [e["block_id"] for e in view.blocks if e.get("block_id", "").startswith(f"{kind}.")]


async def test_what_is_suggested_and_safe_is_chosen_on_all_pages(night):
    """One click opens it, one applies the twelve; what needs a decision stays open."""
    message = await fifteen(night)
    async with face_of(night):
        view = await opened(night, message)
        assert label(view) == "Apply 12 fixes"
        menus = [e["element"]["initial_option"]["value"] for e in view.blocks if "element" in e]
        assert menus == ["suggested", *["use_source"] * 10]
        await submitted(night, view, "Approved 12 fixes")
    found = await states(night)
    assert [key for key, each in found.items() if each == OPEN] == [12, 13, 14]
    assert list(found.values()).count(APPROVED) == 12
    assert len(await night.service.receipts()) == 1


async def test_the_button_counts_each_choice(night):
    """Fewer, none, and what is no fix: the number is true before anybody presses it."""
    message = await night.report(findings=3, safe=1, options=options)
    staff = night.staff
    async with face_of(night):
        await staff.slack.click(staff.ann, message, "review")
        view = await modal(night, "Apply 1 fix")
        view = await chosen(night, view, "leave")
        assert label(view) == "Nothing chosen"
        view = await chosen(night, view, "use_source", nth=1)
        assert label(view) == "Apply 1 fix"
        view = await chosen(night, view, "ignore", nth=2)
        assert label(view) == "Apply 2 choices"
        view = await chosen(night, view, "use_source")
        assert label(view) == "Apply 3 choices"
        await staff.slack.select(staff.ann, view, "review.rest", "leave")
        view = await modal(night, "Apply 2 choices")
        # Setting all others back to the suggestion keeps the choices made one by one.
        await staff.slack.select(staff.ann, view, "review.rest", "suggested")
        view = await modal(night, "Apply 3 choices")
        await submitted(night, view, "Approved 3 fixes")
    found = await states(night)
    assert found == {0: APPROVED, 1: APPROVED, 2: (ProposalState.APPROVED, Choice.IGNORE)}


async def test_nothing_chosen_is_said_and_decides_nothing(night):
    message = await night.report(findings=3, safe=0, options=options)
    staff = night.staff
    async with face_of(night):
        await staff.slack.click(staff.ann, message, "review")
        view = await modal(night, "Nothing chosen")
        await submitted(night, view, "You chose nothing: all stay open.")
    assert set((await states(night)).values()) == {OPEN}


async def test_a_number_has_a_field_only_where_it_is_to_be_entered(night):
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        view = await opened(night, message)
        assert fields(view, "number") == []
        view = await chosen(night, view, "use_number", nth=1)
        (number,) = fields(view, "number")
        at = [e.get("block_id") for e in view.blocks]
        assert at[at.index(number) - 1] == fields(view, "choice")[1]
        staff.slack.enter(staff.ann, view, {number: "44"})
        view = await chosen(night, view, "use_number", nth=2)
        assert len(fields(view, "number")) == 2
        assert view.entered[number]["chosen"]["value"] == "44"  # another choice takes nothing away
        view = await chosen(night, view, "use_source", nth=2)
        assert fields(view, "number") == [number]
        await submitted(night, view, "Approved 12 fixes")
    _, found = await night.service.proposals(1, limit=100)
    assert {each.choice for each in found if each.facts["level"] == 1} == {Choice.USE_NUMBER}


async def test_a_missing_number_is_asked_for_before_the_page_turns(night):
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        view = await opened(night, message)
        view = await chosen(night, view, "use_number")
        (number,) = fields(view, "number")
        with pytest.raises(ImpossibleAction, match=number):
            await staff.slack.submit(staff.ann, view)
        await staff.slack.click(staff.ann, view, "review.page.next")
        view = await modal(night, "Enter the number for Jacket 0 first")
        assert fields(view, "number") == [number]
        staff.slack.enter(staff.ann, view, {number: "44"})
        await staff.slack.click(staff.ann, view, "review.page.next")
        view = await modal(night, "page 2 of 2")
        await staff.slack.click(staff.ann, view, "review.page.previous")
        view = await modal(night, "page 1 of 2")
        (field,) = (e for e in view.blocks if e.get("block_id") == number)
        assert field["element"]["initial_value"] == "44"
    assert set((await states(night)).values()) == {OPEN}


async def test_a_number_that_slack_had_no_time_to_ask_for_is_asked_for(night):
    """Somebody chooses, and submits before the form is drawn again."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        view = await opened(night, message)
        menu = fields(view, "choice")[0]
        await staff.slack.submit(staff.ann, view, {menu: "use_number"})
        assert "Choose it again" in view.errors[menu]
    assert set((await states(night)).values()) == {OPEN}


async def test_choices_survive_pages_a_restart_and_another_choice_for_all(night):
    """Nothing of a form is kept in a process."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        view = await opened(night, message)
        view = await chosen(night, view, "ignore")
        await staff.slack.click(staff.ann, view, "review.page.next")
        view = await modal(night, "page 2 of 2")
        assert label(view) == "Apply 12 choices"
    async with face_of(night):
        view = await chosen(night, view, "use_source", nth=4)
        assert label(view) == "Apply 13 choices"
        await staff.slack.click(staff.ann, view, "review.page.previous")
        view = await modal(night, "page 1 of 2")
        first = next(e for e in view.blocks if e.get("block_id", "").startswith("choice."))
        assert first["element"]["initial_option"]["value"] == "ignore"
        await submitted(night, view, "Approved 13 fixes")
    found = await states(night)
    assert found[0] == (ProposalState.APPROVED, Choice.IGNORE)
    assert found[14] == APPROVED
    assert (found[12], found[13]) == (OPEN, OPEN)


async def test_the_newest_of_two_choices_is_what_the_form_shows(night):
    """People are faster than we are, and answers overtake one another."""
    message = await fifteen(night)
    staff = night.staff
    asked = night.service.fixes
    async with face_of(night):
        view = await opened(night, message)
        slow = asyncio.Event()

        async def slowly(numbers):
            found = await asked(numbers)
            await slow.wait()
            return found

        night.service.fixes = slowly
        await staff.slack.select(staff.ann, view, "review.choice", "leave")
        night.service.fixes = asked
        view = await chosen(night, front(night), "use_number", nth=1)
        slow.set()
        await asyncio.sleep(0.2)
        assert label(front(night)) == "Apply 11 fixes"
        assert len(fields(front(night), "number")) == 1


async def test_two_people_review_at_once(night):
    """The second sees at each product who decided, and is told so for what they submit."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        ann = await opened(night, message, staff.ann)
        bob = await opened(night, message, staff.bob)
        for at in range(2, 10):  # ann takes the first two of this page, and the second page
            ann = await chosen(night, ann, "leave", nth=at)
        assert label(ann) == "Apply 4 fixes"
        await submitted(night, ann, "Approved 4 fixes")
        bob = await chosen(night, bob, "ignore", nth=5, person=staff.bob)
        told = json.dumps(bob.content)
        assert told.count("Already decided.") == 2  # nothing has moved on their page
        assert label(bob) == "Apply 8 choices"
        await submitted(night, bob, "Approved 8 fixes", person=staff.bob)
    receipts = await night.service.receipts()
    assert [(each.by.id, each.sums[0]) for each in reversed(receipts)] == [
        (staff.ann.id, 4),
        (staff.bob.id, 8),
    ]


async def test_whoever_submits_second_is_told_product_by_product(night):
    """Not only that fewer were approved: which, by whom, and what they chose."""
    message = await night.report(findings=3, safe=3, options=options)
    staff = night.staff
    async with face_of(night):
        for person in (staff.ann, staff.bob):
            await staff.slack.click(person, message, "review")
            await modal(night, "Apply 3 fixes", person)
        ann = await chosen(night, front(night), "leave", nth=2)
        bob = await chosen(night, front(night, staff.bob), "ignore", person=staff.bob)
        bob = await chosen(night, bob, "ignore", nth=2, person=staff.bob)
        await submitted(night, ann, "Approved 2 fixes")
        view = await submitted(night, bob, "Approved 1 fix", person=staff.bob)
        told = json.dumps(view.content)
    assert "Jacket 0" in told
    assert "(use the source)" in told
    assert staff.ann.id in told
    found = await states(night)
    assert found[0] == APPROVED
    assert found[2] == (ProposalState.APPROVED, Choice.IGNORE)


async def test_a_report_that_came_meanwhile_is_not_decided_unseen(night):
    """Numbers that have moved are asked about again; nobody approves what they have not seen."""
    message = await night.report(findings=3, safe=3, options=options)
    staff = night.staff

    def newer(tx):
        old = [tx.proposals.by_token(f"token-{at}") for at in range(3)]
        drafts = [
            (
                Draft(
                    kind=ProposalKind.FIX,
                    finding=each.finding,
                    title=each.title,
                    options=each.options,
                    recommended=Choice.USE_SOURCE,
                    safe=True,
                    facts={**each.facts, "shows": 52},
                ),
                f"newer-{each.id}",
            )
            for each in old
        ]
        now = night.clock.now()
        tx.proposals.propose(drafts, report=1, now=now, expires_at=old[0].expires_at)

    async with face_of(night):
        await staff.slack.click(staff.ann, message, "review")
        view = await modal(night, "Apply 3 fixes")
        await night.transaction(newer)
        await submitted(night, view, "its numbers have changed")
    assert await night.service.receipts() == []


async def test_a_form_of_an_older_version_means_what_it_said(night):
    """It has no suggestion chosen, and its menus have other names: nothing is chosen silently."""
    message = await night.report(findings=3, safe=3, options=options)
    staff = night.staff
    async with face_of(night):
        await staff.slack.click(staff.ann, message, "review")
        view = await modal(night, "Apply 3 fixes")
        menu = next(e for e in view.blocks if e.get("block_id") == "choice.1.use_source.1")
        element = {**menu["element"], "action_id": "chosen"}
        view.content["blocks"] = [{**menu, "block_id": "choice.1", "element": element}]
        view.content["private_metadata"] = '{"t":"report","c":[[2,"ignore",null]]}'
        await submitted(night, view, "Approved 2 fixes", {"choice.1": "use_source"})
    found = await states(night)
    assert found == {0: APPROVED, 1: (ProposalState.APPROVED, Choice.IGNORE), 2: OPEN}


async def test_a_form_that_is_full_says_so_and_loses_nothing(night, monkeypatch):
    message = await fifteen(night)
    staff = night.staff
    monkeypatch.setattr("bot.views.form_state.MAX_METADATA_CHARS", 130)
    async with face_of(night):
        view = await opened(night, message)
        menus = fields(view, "choice")
        staff.slack.enter(staff.ann, view, dict.fromkeys(menus, "ignore"))
        await staff.slack.click(staff.ann, view, "review.page.next")
        view = await modal(night, "remember more choices")
        assert label(view) == "Apply 12 choices"
        await submitted(night, view, "Approved 12 fixes")
    found = await states(night)
    assert [found[n][1] for n in (0, 9, 10)] == [Choice.IGNORE, Choice.IGNORE, Choice.USE_SOURCE]


async def test_whoever_may_not_decides_nothing(night):
    message = await fifteen(night)
    staff = night.staff
    person = person_of(night, staff.ann)
    await night.service.set_preferences({"approvers": json.dumps([staff.ann.id])}, person)
    async with face_of(night):
        view = await opened(night, message, staff.bob)
        view = await chosen(night, view, "leave", person=staff.bob)
        await submitted(night, view, "Only approvers can do this", person=staff.bob)
    assert set((await states(night)).values()) == {OPEN}


async def test_the_table_is_in_the_order_of_the_review(night):
    """Safe fixes first; people sort it as they like, and turn its pages."""
    message = await night.report(findings=15, safe=12, options=options)
    (table,) = (each for each in message.blocks if each["type"] == "data_table")
    head, *rows = table["rows"]
    assert [each["text"] for each in head] == ["Product", "Stock", "Suggested fix"]
    assert [row[0]["text"] for row in rows] == [f"Jacket {at}" for at in range(15)]
    fixes = [row[2]["text"] for row in rows]
    assert fixes == ["Set US to 45"] * 12 + ["Needs your decision: set US to 45?"] * 3
    assert table["page_size"] == 10


async def test_where_tables_cannot_be_sorted_there_is_a_plain_one(night):
    """An older workspace loses no button over a block that it does not know."""
    night.staff.slack.faults.unknown_blocks.add("data_table")
    message = await fifteen(night)
    assert [each["type"] for each in message.blocks].count("table") == 1
    assert "'review'" in shown(message)


async def test_what_a_form_remembers_is_read_again():
    form = FormState(token="x" * 22, rest="use_lower", upto=7, offset=10, page=(4, 5))
    assert load_form(dump_form(form)) == form
    for odd in (
        "",
        "[]",
        "[" * 3_000,
        '{"t":"x","c":[[1]]}',
        '{"t":"x","c":[[1,null,99999999999999999999]]}',
        '{"t":"x","r":"sell"}',
        '{"t":"x","p":["a"]}',
        '{"t":"x","u":9223372036854775808}',
        '{"t":"x","o":-1}',
    ):
        assert load_form(odd) == FormState(token="")
