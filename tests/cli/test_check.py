"""`tipo check` compares now: here if nobody serves, else by the process that does."""

import asyncio
import tempfile
from datetime import timedelta

from sync_core.cli import check
from sync_core.domain.proposals import Person, ReportKind, ReportState
from sync_core.domain.values import Mode
from tests.cli.conftest import ask, rest, serving

JACKET = "SFDJ-M"
OURS = 2  # the first report is that of the stores' first meeting
ANN = Person(team="T1", id="U1", name="ann")


def test_equal_stores_are_good_news(alone):
    said = alone.json("check")
    assert (said["drift"], said["counts"], said["findings"]) == (0, {}, [])
    assert said["summary"]["variants"] == {"eu": 12, "us": 12}
    assert (said["summary"]["differing"], said["disbelieved"]) == (0, [])
    assert said["proposals"] == {"open": 0, "safe": 0}
    assert "All compared products are in sync" in alone("check").output


def test_a_missed_change_is_bad_news_with_its_numbers_and_the_way_on(alone):
    """A job that looks at the exit code must learn of it, and a person what to do."""
    alone.shops["us"].edit(JACKET, by=-5)

    said = alone("check", expect=1).output

    assert "Mismatches: 1 missed change." in said
    assert "US dropped 50 → 45; Shopify sent no notification" in said
    assert "Slim Fit Denim Jacket (M)" in said
    assert "EU 50 · US 45" in said
    assert "EU 50 → 45 (US \u22125, no order explains it)" in said
    assert "Open: 1, 1 with a safe fix. Approve fixes in Slack" in said
    assert alone.shops["eu"].available(JACKET) == 50  # it approves nothing


def test_the_process_that_serves_makes_the_comparison(alone):
    """Two that compare at once would cost the stores twice."""
    alone.shops["us"].add_product("Cap", "cap", ["One"])
    with serving():
        said = alone.json("check", expect=1)
    (found,) = said["findings"]
    assert (found["kind"], found["store"], found["title"]) == ("no_partner", "us", "Cap (One)")
    assert (found["cause"], said["counts"]) == (
        "only US sells it",
        {"no_partner": 1},
    )
    assert found["suggested_fix"] == "Needs your decision: only US sells it"
    assert ask(lambda parts: parts.service.report(said["report"])).state is ReportState.DONE


def test_what_somebody_ignores_does_not_count(alone):
    """A job that alarms each night for what people have settled is switched off."""
    alone.shops["us"].add_product("Cap", "cap", ["One"])
    (found,) = alone.json("check", expect=1)["findings"]
    until = asyncio.run(_later())
    ask(
        lambda parts: parts.database.transaction(
            lambda tx: tx.findings.mute(found["id"], until=until)
        )
    )
    said = alone.json("check")
    assert (said["drift"], said["findings"]) == (0, [])


async def _later():
    from sync_core.clock import WallClock  # noqa: PLC0415

    return WallClock().now() + timedelta(days=30)


def test_an_incident_is_no_drift(alone):
    """That writing is paused stands, but nobody has to decide anything about the stock."""
    alone("pause", "--yes")
    assert alone.json("check")["drift"] == 0


def test_an_export_that_cannot_be_is_not_believed(tipo):
    """A store that suddenly sells nothing must not look like a thousand findings, nor like none."""
    for shop in tipo.shops.values():
        for n in range(8):
            shop.add_product(f"Hat {n}", f"hat-{n}", ["S", "M"])
    tipo.work(_pools(28))
    tipo("mode", "two-way", "--yes", "--time-out", 0, expect=1)
    tipo.work(_met)
    rest()
    tipo.shops["us"].run_bulk_operation = _nothing
    said = tipo("check", expect=1).output
    assert "The export of us can't be right" in said
    assert "All compared products are in sync" not in said
    assert tipo.json("check", expect=1)["disbelieved"] == ["us"]


def _nothing(export):
    export.object_count = export.root_object_count = 0
    export.file = b""


def _pools(count):
    async def holds(service):
        return (await service.overview()).pools == count

    return holds


async def _met(service):
    return not any(each.waiting for each in await service.baselines())


def test_a_store_that_is_down_is_an_error_that_says_so(alone):
    """Not compared is neither good news nor drift; and the next one is not held up by it."""
    alone.shops["us"].faults.outage = True
    said = alone("check", expect=2)
    assert "the stores couldn't be compared: us" in said.output
    assert "run `tipo doctor`" in said.output
    alone.shops["us"].faults.outage = False
    assert alone.json("check")["drift"] == 0


def test_a_comparison_that_fails_here_is_over(alone, monkeypatch, bare):
    """Nobody would make it again, and a preflight in Slack must not wait for it."""
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(bare / "gone"))
        said = alone("check", expect=2)
    assert "the stores couldn't be compared: [Errno 2]" in said.output
    assert ask(lambda parts: parts.service.report(OURS)).state is ReportState.FAILED
    assert alone.json("check")["report"] == OURS + 1


def test_time_is_limited_and_the_wish_stays(alone):
    said = alone("check", "--time-out", 0, expect=2).output
    assert "not compared within 0 s; `tipo serve` or the next `tipo check` finishes it" in said
    assert alone.json("check")["report"] == OURS  # the second one has taken up the first


def test_a_second_check_joins_the_first(alone):
    first = ask(lambda parts: parts.service.check("bob"))
    assert alone.json("check")["report"] == first.id


def test_a_preflight_under_way_is_no_answer(alone):
    """It compares, but looks at nothing that differs again."""
    first = ask(lambda parts: parts.service.ask_mode(Mode.ONE_WAY, None, ANN, ""))
    said = alone.json("check")
    assert first.kind is ReportKind.PREFLIGHT
    assert said["report"] == first.id + 1


def test_ctrl_c_leaves_the_wish_to_the_next(alone, monkeypatch):
    async def stopped(parts, report, *, time_out):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(check, "wait_for_report", stopped)
        said = alone("check", expect=130)
    assert "`tipo serve` or the next `tipo check` finishes the comparison" in said.output
    assert alone.json("check")["report"] == OURS


def test_cancelled_halfway_the_report_is_free_at_once(alone):
    """The next process need not wait until the hold of one that is gone runs out."""
    ask(_cancelled)
    assert alone.json("check")["report"] == OURS


async def _cancelled(parts):
    from sync_core.cli.comparison import wait_for_report  # noqa: PLC0415

    report = await parts.service.check("ann")
    async with asyncio.TaskGroup() as group:
        working = group.create_task(wait_for_report(parts, report, time_out=60))
        while (await parts.service.report(report.id)).state is ReportState.WANTED:
            await parts.clock.sleep(0.01)
        working.cancel()


def test_status_tells_the_last_comparison_and_the_next(alone):
    assert (
        "haven't been compared yet: `tipo check` compares them now. Next night: "
        in alone("status").output
    )
    alone.shops["us"].add_product("Cap", "cap", ["One"])
    alone("check", expect=1)
    said = alone("status").output
    assert "s ago (check): 1 didn't match, 1 open. Next night: " in said
    told = alone.json("status")
    assert (told["last_report"]["differing"], told["last_report"]["open"]) == (1, 1)
    assert told["next_night"].endswith("02:30:00Z")
