"""Modals and the App Home: opened at once, filled, submitted, answered where people look."""

import json
from dataclasses import replace

import pytest

from sync_core.domain.proposals import Choice, ProposalKind, ReportKind
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until


@pytest.fixture(params=["http", "socket"])
async def slack_app(request, staff, core):
    staff.slack.rate_limiter.enabled = request.param == "http"
    async with at_work(staff, core, socket=request.param == "socket") as made:
        yield made


async def asked(staff, line, person=None):
    interaction = await staff.slack.command(
        person or staff.ann, f"/tipo {line}", channel=staff.stock
    )
    return await interaction.answer()


async def filled(staff, message, action, person=None, **given):
    """Click, and wait until the modal is more than a greeting."""
    person = person or staff.ann
    interaction = await staff.slack.click(person, message, action, **given)
    assert interaction.acked
    assert interaction.ack_ms < ACKED_WITHIN_MS
    await staff.slack.until(
        lambda: "submit" in getattr(staff.slack.modal(person), "content", {}), 5
    )
    return staff.slack.modal(person)


async def says(staff, part, person=None):
    """Wait until the modal in front of somebody says something."""
    person = person or staff.ann

    def there():
        view = staff.slack.modal(person)
        return view is not None and part in str(view.blocks)

    await staff.slack.until(there, 5)


async def test_a_review_decides_what_was_chosen_on_all_pages(slack_app, staff, core):
    """Twenty findings are three pages; what was chosen on the first is kept on the second."""
    report = core.new_report(ReportKind.DRIFT)
    core.drift = _returns(report)
    for _ in range(20):
        core.propose(ProposalKind.FIX, report, choices=(Choice.USE_SOURCE, Choice.IGNORE))
    core.reported[report.id] = report = _open(report, 20)
    core.drift = _returns(report)
    listed = await asked(staff, "drift")
    view = await filled(staff, listed, "review")
    first = next(each for each in view.blocks if str(each.get("block_id")).startswith("choice."))
    await staff.slack.select(staff.ann, view, "review.choice", "use_source")
    await staff.slack.click(staff.ann, view, "review.page.next")
    await staff.slack.until(
        lambda: repr(first["block_id"]) not in str(staff.slack.modal(staff.ann).blocks), 5
    )
    view = staff.slack.modal(staff.ann)
    await staff.slack.select(staff.ann, view, "review.choice", "ignore")
    interaction = await staff.slack.submit(staff.ann, view)
    assert interaction.acked
    assert interaction.ack_ms < ACKED_WITHIN_MS
    await until(lambda: len(core.decisions) == 2)
    assert sorted(each[1] for each in core.decisions) == ["ignore", "use_source"]
    await says(staff, "Approved 2 fixes")


def _returns(value):
    async def answer(*_, **__):
        return value

    return answer


def _open(report, count):
    return replace(report, open=count, safe=0)


async def test_a_number_is_asked_for_and_used(slack_app, staff, core):
    """The token decides which finding; the form only says how many."""
    listed = await asked(staff, "drift")
    view = await filled(staff, listed, "decide.use_number")
    await staff.slack.submit(staff.ann, view, {"number": "47"})
    await until(lambda: len(core.decisions) == 1)
    assert core.decisions[0][1] == "use_number"
    await says(staff, "Approved 1 fix")


async def test_whoever_may_not_learns_it_in_the_modal(slack_app, staff, core):
    """Opening a form is looking; submitting it is deciding."""
    listed = await asked(staff, "drift", person=staff.bob)
    view = await filled(staff, listed, "decide.use_number", person=staff.bob)
    core.preferences["approvers"] = json.dumps([staff.ann.id])
    await staff.slack.submit(staff.bob, view, {"number": "47"})
    await says(staff, "Only approvers can do this", staff.bob)
    assert core.decisions == []


async def test_places_are_changed_in_a_form(slack_app, staff, core):
    """The form is filled with what is; what the core refuses is said in its place."""
    said = await asked(staff, "locations")
    view = await filled(staff, said, "places.open")
    before = core.map
    await staff.slack.submit(staff.ann, view)
    await says(staff, "shared locations are saved")
    assert core.map == before

    async def refuse(*_):
        raise NotAllowed("Warehouse is shared twice.")

    core.set_location_groups = refuse
    await staff.slack.close(staff.ann, staff.slack.modal(staff.ann))
    view = await filled(staff, said, "places.open")
    await staff.slack.submit(staff.ann, view)
    await says(staff, "Warehouse is shared twice.")


async def test_a_form_after_a_restart_is_answered(staff, core):
    """What it was made from is forgotten; the core still knows what is right."""
    async with at_work(staff, core):
        said = await asked(staff, "locations")
        view = await filled(staff, said, "places.open")
    async with at_work(staff, core):
        interaction = await staff.slack.submit(staff.ann, view)
        assert interaction.acked
        await says(staff, "shared locations are saved")


async def test_a_form_that_another_change_has_overtaken_is_not_saved(staff, core):
    """Its menus would take the other change back; a restart makes no difference."""
    async with at_work(staff, core):
        said = await asked(staff, "locations")
        view = await filled(staff, said, "places.open")
    other = (replace(core.map[0], name="Hamburg"),)
    core.map = other
    async with at_work(staff, core):
        await staff.slack.submit(staff.ann, view)
        await says(staff, "have changed since this form was opened")
    assert core.map == other


async def test_a_form_that_slack_does_not_open_is_explained(slack_app, staff):
    """A trigger lives for three seconds."""
    said = await asked(staff, "locations")
    staff.slack.faults.refuse["views.open"] = "expired_trigger_id"
    interaction = await staff.slack.click(staff.ann, said, "places.open")
    assert "didn't open the form" in (await interaction.answer()).text


async def test_a_question_that_is_gone_says_so_in_the_modal(slack_app, staff, core):
    """A report is deleted after a while; its buttons are not."""
    listed = await asked(staff, "drift")
    core.proposed.clear()
    await staff.slack.click(staff.ann, listed, "decide.use_number")
    await says(staff, "open any more")


async def test_a_failing_core_is_said_in_the_modal(slack_app, staff, core):
    """Nobody stares at "One moment…" for ever."""
    listed = await asked(staff, "drift")

    async def broken(_token):
        raise RuntimeError("the database is on fire")

    core.proposal = broken
    await staff.slack.click(staff.ann, listed, "decide.use_number")
    await says(staff, "didn't work")


async def home_of(staff, person):
    interaction = await staff.slack.open_home(person)
    assert interaction.acked
    assert interaction.ack_ms < ACKED_WITHIN_MS
    await staff.slack.until(lambda: staff.slack.home(person), 5)
    return staff.slack.home(person)


async def test_the_home_shows_the_stores(slack_app, staff):
    """To whoever opens it, with a chart."""
    view = await home_of(staff, staff.ann)
    assert "data_visualization" in str(view.blocks)
    assert "home.pause" in str(view.blocks)


async def test_the_home_of_somebody_who_may_not_has_no_orders(slack_app, staff, core):
    """Buttons that only refuse are worse than none."""
    core.preferences["approvers"] = json.dumps([staff.bob.id])
    assert "home.pause" not in str((await home_of(staff, staff.ann)).blocks)


async def test_a_stranger_gets_no_home(slack_app, staff):
    """It shows what moves in the stores."""
    await staff.slack.open_home(staff.stranger)
    await home_of(staff, staff.ann)
    assert staff.slack.home(staff.stranger) is None


async def test_where_slack_draws_no_charts_there_is_a_list(slack_app, staff):
    """Older workspaces refuse a block that they do not know."""
    staff.slack.faults.refuse["views.publish"] = "invalid_blocks"
    await staff.slack.open_home(staff.ann)
    await until(lambda: len(staff.slack.calls_of("views.publish")) >= 2)
    del staff.slack.faults.refuse["views.publish"]
    assert "data_visualization" not in str((await home_of(staff, staff.ann)).blocks)


async def test_the_home_pauses_and_shows_it(slack_app, staff, core):
    """The page itself is the answer."""
    view = await home_of(staff, staff.ann)
    await staff.slack.click(staff.ann, view, "home.pause")
    await until(lambda: core.paused == "ann")
    await staff.slack.until(lambda: "home.resume" in str(staff.slack.home(staff.ann).blocks), 5)
    await staff.slack.click(staff.ann, staff.slack.home(staff.ann), "home.resume")
    await until(lambda: core.paused is None)


async def test_the_home_asks_for_a_mode(slack_app, staff, core):
    """The question comes as a direct message: a Home has no response_url."""
    view = await home_of(staff, staff.ann)
    await staff.slack.click(staff.ann, view, "home.mode.two-way")
    await until(lambda: any(each.kind is ProposalKind.MODE for each in core.proposed.values()))
    assert core.modes["us"] is Mode.OFF


async def test_the_home_is_refreshed_while_somebody_looks(slack_app, staff, core):
    """And not asked for when nothing has changed."""
    await home_of(staff, staff.ann)
    home = slack_app._bot.home
    before = len(staff.slack.calls_of("views.publish"))
    overview = await core.overview()
    core.overview = _returns(overview)
    hours = await core.hours()
    core.hours = _returns(hours)
    await home.refresh()
    await home.refresh()
    assert len(staff.slack.calls_of("views.publish")) <= before + 1
    core.overview = _returns(replace(overview, paused="bob"))
    await home.refresh()
    assert "home.resume" in str(staff.slack.home(staff.ann).blocks)
