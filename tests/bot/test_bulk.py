"""One choice for all, by the form and by the review: shown before it is written, decided once.

The core is the real one with a real database; requests are signed and come over HTTP.
"""

import json

import pytest

from sync_core.domain.bulk_decisions import FOR_ALL
from sync_core.domain.proposals import Choice, Option, ProposalState, Write
from tests.bot.nights import APPROVED, OPEN, face_of, modal, person_of, shown, states

pytestmark = pytest.mark.usefixtures("breathing")


def options(at):
    """Jacket 0 would go to 0 in us; the others move by one."""
    before = 7 if at == 0 else 40
    after = 0 if at == 0 else 41
    return tuple(
        Option(
            choice=each,
            words=f"Use eu: {after}",
            target=after,
            writes=(Write(store="us", before=before, after=after),),
        )
        for each in FOR_ALL
    )


async def fifteen(night):
    return await night.report(findings=15, safe=0, options=options)


async def opened(night, message, button, holds, person=None):
    await night.staff.slack.click(person or night.staff.ann, message, button)
    return await modal(night, holds, person)


async def test_fifteen_products_take_three_clicks(night):
    """Which number, what it writes, Confirm: and what would go to 0 is left out."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        form = await opened(night, message, "bulk", "bulk")
        assert "14 products: +14" in json.dumps(form.content)
        assert "1 would go to 0" in json.dumps(form.content)
        await staff.slack.submit(staff.ann, form, {"for_all": "use_source"})
        seen = await modal(night, "bulk_confirm")
        told = json.dumps(seen.content, ensure_ascii=False)
        assert "14 products up by 14 units" in told
        assert "1 product would go to 0" in told
        assert "Jacket 0" in told
        assert set((await states(night)).values()) == {OPEN}  # a preview writes nothing
        await staff.slack.submit(staff.ann, seen)
        await modal(night, "14 fixes")
        await staff.slack.until(lambda: "14 fixes approved by" in shown(message), 5)
    found = await states(night)
    assert found.pop(0) == OPEN
    assert set(found.values()) == {APPROVED}
    assert len(await night.service.receipts()) == 1
    assert "1 product doesn't match" in message.text


async def test_what_goes_to_0_is_asked_for_by_itself(night):
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        form = await opened(night, message, "bulk", "bulk")
        await staff.slack.submit(staff.ann, form, {"for_all": "use_source", "without": ["2"]})
        seen = await modal(night, "bulk_confirm")
        assert "1 product left out: still open." in json.dumps(seen.content)
        await staff.slack.submit(staff.ann, seen, {"zeros": ["yes"]})
        await modal(night, "14 fixes")
    found = await states(night)
    assert found.pop(1) == OPEN  # proposal 2
    assert set(found.values()) == {APPROVED}


async def test_the_review_decides_some_and_all_others_alike(night):
    """Two pages: on the first one product is left open, on the second one is ignored."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        view = await opened(night, message, "review", "page 1 of 2")
        await staff.slack.select(staff.ann, view, "review.rest", "use_source")
        view = await modal(night, "choice.3.use_source.0")
        staff.slack.enter(staff.ann, view, {"choice.3.use_source.0": "leave"})
        await staff.slack.click(staff.ann, view, "review.page.next")
        view = await modal(night, "page 2 of 2")
        await staff.slack.submit(staff.ann, view, {"choice.12.use_source.0": "use_lower"})
        seen = await modal(night, "bulk_confirm")
        told = json.dumps(seen.content)
        assert "1 product decided one by one" in told
        assert "1 product left out" in told
        await staff.slack.submit(staff.ann, seen)
        await modal(night, "13 fixes")
    found = await states(night)
    assert found.pop(2) == OPEN
    assert found.pop(0) == OPEN  # it would go to 0
    assert found.pop(11) == (ProposalState.APPROVED, Choice.USE_LOWER)
    assert set(found.values()) == {APPROVED}
    assert len(await night.service.receipts()) == 1


async def test_two_people_confirm_at_once_and_one_decides(night):
    """The other is told so, and nothing is written twice."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        views = []
        for person in (staff.ann, staff.bob):
            form = await opened(night, message, "bulk", "bulk", person)
            await staff.slack.submit(person, form, {"for_all": "use_source"})
            views.append((person, await modal(night, "bulk_confirm", person)))
        for person, view in views:
            await staff.slack.submit(person, view)
        await modal(night, "14 fixes", staff.ann)
        await modal(night, "Already decided", staff.bob)
    assert len(await night.service.receipts()) == 1


async def test_whoever_may_not_sees_it_before_anything_is_previewed(night):
    message = await fifteen(night)
    staff = night.staff
    person = person_of(night, staff.ann)
    await night.service.set_preferences({"approvers": json.dumps([staff.ann.id])}, person)
    async with face_of(night):
        form = await opened(night, message, "bulk", "bulk", staff.bob)
        await staff.slack.submit(staff.bob, form, {"for_all": "use_source"})
        await modal(night, "Only approvers can do this", staff.bob)
    assert set((await states(night)).values()) == {OPEN}


async def test_a_forged_form_decides_nothing(night):
    """What a form remembers can be read and changed by whoever sees it."""
    message = await fifteen(night)
    staff = night.staff
    async with face_of(night):
        form = await opened(night, message, "bulk", "bulk")
        await staff.slack.submit(staff.ann, form, {"for_all": "use_source"})
        seen = await modal(night, "bulk_confirm")
        for metadata in ("", "{}", '{"t":"report","r":"ignore"}', '{"t":"x","r":"use_source"}'):
            seen.content["private_metadata"] = metadata
            await staff.slack.submit(staff.ann, seen)
            seen = await modal(night, "Tipo")
            seen.content |= {"callback_id": "bulk_confirm", "submit": {"text": "x"}}
    assert set((await states(night)).values()) == {OPEN}


@pytest.mark.parametrize("count", [1, 2])
async def test_one_mismatch_needs_no_choice_for_all(night, count):
    message = await night.report(findings=count, safe=0, options=options)
    assert ("'bulk'" in shown(message)) == (count > 1)
