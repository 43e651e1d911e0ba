"""The demo is the first thing that anybody runs: it must hold on any machine, in any folder."""

import json
import re
from types import SimpleNamespace

from rich.console import Console

from sandbox.demo.narration import ChatPrinter
from sandbox.demo.team import create_team
from sync_core.clock import WallClock


def test_the_demo_holds(harness):
    """Also where somebody else's settings lie around."""
    (harness.folder / ".env").write_text("TIPO_STORES__MARS__DOMAIN=nonsense\nTIPO_PORT=1\n")
    harness.environment["TIPO_DATABASE_URL"] = "sqlite:////nowhere/at-all.db"

    answer = harness.tipo("demo", "--json")

    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert said["holds"] is True
    assert [(each["should_show"], each["shows"]) for each in said["scenes"]] == [
        (shown, {"eu": shown, "us": shown}) for shown in (45, 55, 57, 52)
    ]
    assert said["conversation"]["holds"] is True
    talked = said["conversation"]["transcript"]
    for words in ("/tipo mode two-way", "oversold", "/tipo why", "/tipo check", "receipt 2"):
        assert words in talked
    said = " ".join(talked.split())  # lines are folded by width
    assert "Fixed Slim Fit Denim Jacket (S): EU 50 → 46" in said
    assert re.search(r"oversold by 10: order #\d+ in (EU|US) took what was left", said)
    named = re.findall(r" in (EU|US), order #(\d)\d+", talked)
    assert set(named) == {("EU", "1"), ("US", "2")}
    assert not (harness.folder / "tipo.db").exists()


async def test_what_is_said_in_slack_is_shown_once_and_in_order(capsys):
    """Who watches a demo reads along; a line that comes twice, or never, is taken for a fault."""
    clock = WallClock()
    team = create_team(lambda: clock.now().timestamp())
    stage = SimpleNamespace(team=team, clock=clock)
    shown = ChatPrinter(Console(width=100, soft_wrap=True), stage)
    async with team.slack.running():
        await team.slack.say(team.ann, team.stock, "Who sells the jackets?")
        shown.print_new()
        shown.print_new()
        await team.slack.say(team.bob, team.stock, "The EU store does.")
        shown.print_new()
    lines = capsys.readouterr().out.splitlines()
    whole = team.transcript().splitlines()
    assert [line.removeprefix("   ") for line in lines] == whole
    assert sum("The EU store does." in line for line in lines) == 1
