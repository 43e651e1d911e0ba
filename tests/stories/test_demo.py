"""The demo is the first thing that anybody runs: it must hold on any machine, in any folder."""

import json
import re


def test_the_demo_holds(house):
    """Also where somebody else's settings lie around."""
    (house.folder / ".env").write_text("TIPO_STORES__MARS__DOMAIN=nonsense\nTIPO_PORT=1\n")
    house.environment["TIPO_DATABASE_URL"] = "sqlite:////nowhere/at-all.db"

    answer = house.tipo("demo", "--json")

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
    assert re.search(r"oversold by 10 units:\s+order\s+#\d+ in (eu|us) took what was left", talked)
    named = re.findall(r" in (eu|us), order #(\d)\d+", talked)
    assert set(named) == {("eu", "1"), ("us", "2")}
    assert not (house.folder / "tipo.db").exists()
