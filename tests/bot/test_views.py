"""Modals and the App Home: opened at once, filled, submitted, answered where people look."""

import json
from dataclasses import replace

import pytest

from sync_core.domain.proposals import Choice, ProposalKind, ReportKind
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


@pytest.fixture(params=["http", "socket"])
async def face(request, office, core):
    office.slack.pacing.enabled = request.param == "http"
    async with at_work(office, core, socket=request.param == "socket") as made:
        yield made


async def asked(office, line, person=None):
    deed = await office.slack.command(person or office.ann, f"/tipo {line}", channel=office.stock)
    return await deed.answer()


async def filled(office, message, action, person=None, **given):
    """Click, and wait until the modal is more than a greeting."""
    person = person or office.ann
    deed = await office.slack.click(person, message, action, **given)
    assert deed.acked
    assert deed.ack_ms < ACKED_WITHIN_MS
    await office.slack.until(
        lambda: "submit" in getattr(office.slack.modal(person), "content", {}), 5
    )
    return office.slack.modal(person)


async def says(office, part, person=None):
    """Wait until the modal in front of somebody says something."""
    person = person or office.ann

    def there():
        view = office.slack.modal(person)
        return view is not None and part in str(view.blocks)

    await office.slack.until(there, 5)


async def test_a_review_decides_what_was_chosen_on_all_pages(face, office, core):
    """Twenty findings are three pages; what was chosen on the first is kept on the second."""
    report = core.new_report(ReportKind.DRIFT)
    core.drift = _returns(report)
    for _ in range(20):
        core.propose(ProposalKind.FIX, report, choices=(Choice.USE_SOURCE, Choice.IGNORE))
    core.reported[report.id] = report = _open(report, 20)
    core.drift = _returns(report)
    listed = await asked(office, "drift")
    view = await filled(office, listed, "review")
    first = next(each for each in view.blocks if str(each.get("block_id")).startswith("choice."))
    await office.slack.select(office.ann, view, "chosen", "use_source")
    await office.slack.click(office.ann, view, "review.page.next")
    await office.slack.until(
        lambda: repr(first["block_id"]) not in str(office.slack.modal(office.ann).blocks), 5
    )
    view = office.slack.modal(office.ann)
    await office.slack.select(office.ann, view, "chosen", "ignore")
    deed = await office.slack.submit(office.ann, view)
    assert deed.acked
    assert deed.ack_ms < ACKED_WITHIN_MS
    await until(lambda: len(core.decisions) == 2)
    assert sorted(each[1] for each in core.decisions) == ["ignore", "use_source"]
    await says(office, "Approved 2 fixes")


def _returns(value):
    async def answer(*_, **__):
        return value

    return answer


def _open(report, count):
    return replace(report, open=count, safe=0)


async def test_a_number_is_asked_for_and_used(face, office, core):
    """The token decides which finding; the form only says how many."""
    listed = await asked(office, "drift")
    view = await filled(office, listed, "decide.use_number")
    await office.slack.submit(office.ann, view, {"number": "47"})
    await until(lambda: len(core.decisions) == 1)
    assert core.decisions[0][1] == "use_number"
    await says(office, "Approved 1 fix")


async def test_whoever_may_not_learns_it_in_the_modal(face, office, core):
    """Opening a form is looking; submitting it is deciding."""
    listed = await asked(office, "drift", person=office.bob)
    view = await filled(office, listed, "decide.use_number", person=office.bob)
    core.preferences["approvers"] = json.dumps([office.ann.id])
    await office.slack.submit(office.bob, view, {"number": "47"})
    await says(office, "Only approvers may do this", office.bob)
    assert core.decisions == []


async def test_places_are_changed_in_a_form(face, office, core):
    """The form is filled with what is; what the core refuses is said in its place."""
    said = await asked(office, "places")
    view = await filled(office, said, "places.open")
    before = core.map
    await office.slack.submit(office.ann, view)
    await says(office, "location map is changed")
    assert core.map == before

    async def refuse(*_):
        raise NotAllowed("Warehouse is on two places.")

    core.set_places = refuse
    await office.slack.close(office.ann, office.slack.modal(office.ann))
    view = await filled(office, said, "places.open")
    await office.slack.submit(office.ann, view)
    await says(office, "Warehouse is on two places.")


async def test_a_form_after_a_restart_is_answered(office, core):
    """What it was made from is forgotten; the core still knows what is right."""
    async with at_work(office, core):
        said = await asked(office, "places")
        view = await filled(office, said, "places.open")
    async with at_work(office, core):
        deed = await office.slack.submit(office.ann, view)
        assert deed.acked
        await says(office, "location map is changed")


async def test_a_form_that_slack_does_not_open_is_explained(face, office):
    """A trigger lives for three seconds."""
    said = await asked(office, "places")
    office.slack.faults.refuse["views.open"] = "expired_trigger_id"
    deed = await office.slack.click(office.ann, said, "places.open")
    assert "did not open the form" in (await deed.answer()).text


async def test_a_question_that_is_gone_says_so_in_the_modal(face, office, core):
    """A report is deleted after a while; its buttons are not."""
    listed = await asked(office, "drift")
    core.proposed.clear()
    await office.slack.click(office.ann, listed, "decide.use_number")
    await says(office, "open any more")


async def test_a_failing_core_is_said_in_the_modal(face, office, core):
    """Nobody stares at "One moment…" for ever."""
    listed = await asked(office, "drift")

    async def broken(_token):
        raise RuntimeError("the database is on fire")

    core.proposal = broken
    await office.slack.click(office.ann, listed, "decide.use_number")
    await says(office, "did not work")


async def home_of(office, person):
    deed = await office.slack.open_home(person)
    assert deed.acked
    assert deed.ack_ms < ACKED_WITHIN_MS
    await office.slack.until(lambda: office.slack.home(person), 5)
    return office.slack.home(person)


async def test_the_home_shows_the_stores(face, office):
    """To whoever opens it, with a chart."""
    view = await home_of(office, office.ann)
    assert "data_visualization" in str(view.blocks)
    assert "home.pause" in str(view.blocks)


async def test_the_home_of_somebody_who_may_not_has_no_orders(face, office, core):
    """Buttons that only refuse are worse than none."""
    core.preferences["approvers"] = json.dumps([office.bob.id])
    assert "home.pause" not in str((await home_of(office, office.ann)).blocks)


async def test_a_stranger_gets_no_home(face, office):
    """It shows what moves in the stores."""
    await office.slack.open_home(office.stranger)
    await home_of(office, office.ann)
    assert office.slack.home(office.stranger) is None


async def test_where_slack_draws_no_charts_there_is_a_list(face, office):
    """Older workspaces refuse a block that they do not know."""
    office.slack.faults.refuse["views.publish"] = "invalid_blocks"
    await office.slack.open_home(office.ann)
    await until(lambda: len(office.slack.called("views.publish")) >= 2)
    del office.slack.faults.refuse["views.publish"]
    assert "data_visualization" not in str((await home_of(office, office.ann)).blocks)


async def test_the_home_pauses_and_shows_it(face, office, core):
    """The page itself is the answer."""
    view = await home_of(office, office.ann)
    await office.slack.click(office.ann, view, "home.pause")
    await until(lambda: core.paused == "ann")
    await office.slack.until(lambda: "home.resume" in str(office.slack.home(office.ann).blocks), 5)
    await office.slack.click(office.ann, office.slack.home(office.ann), "home.resume")
    await until(lambda: core.paused is None)


async def test_the_home_asks_for_a_mode(face, office, core):
    """The question comes as a direct message: a Home has no response_url."""
    view = await home_of(office, office.ann)
    await office.slack.click(office.ann, view, "home.mode.two-way")
    await until(lambda: any(each.kind is ProposalKind.MODE for each in core.proposed.values()))
    assert core.modes["us"] is Mode.OFF


async def test_the_home_is_refreshed_while_somebody_looks(face, office, core):
    """And not asked for when nothing has changed."""
    await home_of(office, office.ann)
    home = face._bot.home
    before = len(office.slack.called("views.publish"))
    overview = await core.overview()
    core.overview = _returns(overview)
    hours = await core.hours()
    core.hours = _returns(hours)
    await home.refresh()
    await home.refresh()
    assert len(office.slack.called("views.publish")) <= before + 1
    core.overview = _returns(replace(overview, paused="bob"))
    await home.refresh()
    assert "home.resume" in str(office.slack.home(office.ann).blocks)
