"""Whoever types `/tipo check` is told what came of it where they typed it, whatever that is.

The core is the real one with a real database; the comparison itself is what each test says.
"""

import pytest

from bot.messages import modes
from sync_core.domain.proposals import ProposalKind, ReportKind
from sync_core.domain.values import Event
from sync_core.ports import Draft, ReportRequest
from sync_core.workers.drift_report import report_events
from tests.bot.nights import OPTIONS, face_of

HALF_AN_HOUR = 1_801


async def checks(night, person, **given):
    """Type the command; return what is answered at once."""
    async with face_of(night, **given):
        interaction = await night.staff.slack.command(
            person, "/tipo check", channel=night.staff.stock
        )
        return str([(await interaction.answer(5)).text, interaction.ephemeral_replies()[-1].blocks])


async def ends(night, *, findings=0, failed="", summary=None):
    """Let the comparison that is under way end so."""
    now = night.clock.now()

    def work(tx):
        report = tx.reports.claim(now=now, until=now)
        if findings:
            news = [Event(kind="differs", subject=f"level:{n}") for n in range(findings)]
            tx.notifications.notify(news, now=now)
            ids = [tx.findings.on([each.subject])[0].id for each in news]
            drafts = [
                (
                    Draft(
                        kind=ProposalKind.FIX, finding=each, title=f"Jacket {each}", options=OPTIONS
                    ),
                    f"t{each}",
                )
                for each in ids
            ]
            tx.proposals.propose(
                drafts, report=report.id, now=now, expires_at=now.replace(year=now.year + 1)
            )
        facts = {**(summary or {}), "new": tx.reports.count_new(report.id)}
        tx.reports.finish(report.id, now=now, summary=facts, why_failed=failed)
        tx.notifications.notify_once(report_events(tx, report, failed=failed), now=now)

    await night.transaction(work)
    await night.pass_time(8)


def in_channel(night):
    return [
        each.text for each in night.staff.slack.messages(night.staff.stock) if not each.only_for
    ]


def only_for(night, person):
    return [each.text for each in night.staff.slack.ephemerals(person)]


async def test_nothing_found_is_told_to_whoever_asked_and_to_nobody_else(night):
    """Good news is no alert."""
    at_once = await checks(night, night.staff.ann)
    assert "Comparing the stores" in at_once
    assert "The result comes here, and only you see it" in at_once
    await ends(night, summary={"levels": 8})
    assert "in sync" in only_for(night, night.staff.ann)[-1]
    assert in_channel(night) == []


async def test_mismatches_go_to_the_channel_and_the_asker_is_told_so(night):
    await checks(night, night.staff.ann)
    await ends(night, findings=15)
    assert "15 products don't match, all of them new" in only_for(night, night.staff.ann)[-1]
    assert [each for each in in_channel(night) if "15 products don't match" in each]
    assert only_for(night, night.staff.bob) == []


async def test_a_check_that_fails_says_why_to_whoever_asked(night):
    await checks(night, night.staff.ann)
    await ends(night, failed="us does not answer")
    said = only_for(night, night.staff.ann)[-1]
    assert "Check failed: us does not answer. Nothing was written." in said
    assert in_channel(night) == []


@pytest.mark.parametrize(
    "odd", [{"disbelieved": ["us"]}, {"unread": ["US didn't answer: 503"]}], ids=["half", "silent"]
)
async def test_what_could_not_be_compared_is_not_called_in_sync(night, odd):
    """Unknown is never equal."""
    await checks(night, night.staff.ann)
    await ends(night, summary=odd)
    said = only_for(night, night.staff.ann)[-1]
    assert "in sync" not in said
    assert "US" in str(night.staff.slack.ephemerals(night.staff.ann)[-1].blocks)


async def test_after_half_an_hour_it_comes_as_a_direct_message(night):
    """A response_url lives no longer."""
    await checks(night, night.staff.ann)
    before = only_for(night, night.staff.ann)
    night.clock.forward(HALF_AN_HOUR)
    await ends(night)
    slack = night.staff.slack
    assert "in sync" in slack.messages(slack.direct_channel(night.staff.ann))[-1].text
    assert only_for(night, night.staff.ann) == before
    assert in_channel(night) == []


async def test_whoever_asks_while_it_is_under_way_is_told_too(night):
    """Two people, one comparison, two answers; the same when a night is under way."""
    now = night.clock.now()
    await night.transaction(
        lambda tx: tx.reports.request(
            ReportRequest(kind=ReportKind.CHECK, token="x", by="cli"),  # noqa: S106
            now=now,
        )
    )
    for person in (night.staff.ann, night.staff.bob, night.staff.bob):
        assert "The result comes here" in await checks(night, person)
    await ends(night)
    assert "in sync" in only_for(night, night.staff.ann)[-1]
    assert "in sync" in only_for(night, night.staff.bob)[-1]
    assert in_channel(night) == []


async def test_without_a_channel_no_answer_is_promised(night):
    """There is no outbox that could send one."""
    assert modes.ASK_AGAIN in await checks(night, night.staff.ann, channel="")
