"""Each command does what it says, in words for people and in JSON for programs."""

import json

import pytest

from sync_core.domain.values import Mode

JACKET = "SFDJ-M"
COMMANDS = (
    *("serve", "demo", "mode", "stock", "status", "history", "locations"),
    *("pause", "resume", "doctor", "migrate"),
    *("check", "export", "receipts", "undo", "buffer", "deliveries", "takeover"),
    *("backup", "restore"),
)


async def _settled(service):
    """Whether everything that moved has been written everywhere."""
    overview = await service.overview()
    return not any(each.due or each.open or each.refreshes for each in overview.stores)


def moved_everywhere(sku, quantity):
    async def holds(service):
        pools = await service.stock(sku)
        shown = all(each.shows == quantity for pool in pools for each in pool.levels)
        return shown and await _settled(service)

    return holds


def test_help_names_every_command(lone):
    said = lone("--help").output
    assert [each for each in COMMANDS if each not in said] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_speaks_json(lone, command):
    said = lone(command, "--help").output
    assert "--json" in said


def test_version_is_told(lone):
    assert lone("--version").output.strip()


def test_migrate_makes_the_database(tipo, bare):
    assert tipo.json("migrate", "--yes") == {"done": "migrated", "database": "sqlite:///tipo.db"}
    assert (bare / "tipo.db").exists()


def test_status_says_that_nobody_serves(tipo):
    tipo("migrate", "--yes")
    assert "`tipo serve` isn't running" in tipo("status").output
    assert tipo.json("status")["serving"] is False


def test_status_counts_what_there_is(baselined):
    said = baselined.json("status")
    assert (said["overview"]["pools"], said["overview"]["agreed"]) == (12, 12)
    assert [each["alias"] for each in said["overview"]["stores"]] == ["eu", "us"]
    assert "12 of 12 matched products synced" in baselined("status").output


def test_mode_shows_modes(known):
    assert known.json("mode")["modes"] == {"us": "off"}
    assert "Turn it on with `tipo mode two-way`" in known("mode").output


def test_mode_asks_first_and_changes_nothing_without_an_answer(known):
    said = known("mode", "two-way", expect=2).output
    assert "12 stock levels have a match, 0 variants have none" in said
    assert "It writes nothing" in said
    assert "--yes" in said
    assert known.json("mode")["modes"] == {"us": "off"}


def test_mode_says_that_the_meeting_waits_for_serve(tipo):
    said = tipo("mode", "two-way", "--yes").output
    assert "The products haven't been read yet" in said
    assert "isn't running: the initial comparison starts when it does" in said
    assert tipo.json("mode")["modes"] == {"us": Mode.TWO_WAY}


def test_mode_says_when_a_meeting_has_not_ended_in_time(known):
    """A sign of life is there, but nobody works."""
    said = known.json("mode", "two-way", "us", "--yes", "--time-out", 0.3, expect=1)
    assert (said["changed"], said["serving"], said["ended"]) == (["us"], True, False)
    assert said["baselines"][0]["waiting"] == 12


def test_mode_lists_what_differs_the_worst_first(known):
    """A first meeting decides nothing by itself: people must see what differs."""
    known.shops["us"].edit(JACKET, by=-20)
    known.shops["us"].edit("SFDJ-S", by=-3)
    known("mode", "two-way", "--yes", "--time-out", 0, expect=1)
    known.work(_all_met)

    said = known.json("mode")["baselines"][0]
    assert (said["agreed"], said["differing"]) == (10, 2)
    assert [(each["shows"], each["should_show"]) for each in said["worst"]] == [(30, 50), (47, 50)]
    assert known.shops["us"].available(JACKET) == 30  # nothing was written


async def _all_met(service):
    return not any(each.waiting for each in await service.baselines())


def test_stock_shows_what_stores_show(baselined):
    pools = baselined.json("stock", JACKET)["pools"]
    assert [(p["shared"], [lv["shows"] for lv in p["levels"]]) for p in pools] == [(50, [50, 50])]
    said = baselined("stock", "slim-fit-denim-jacket").output
    assert said.count("50 shared") == 3
    assert "in sync" in said


def test_stock_lists_many_hits_to_choose_from(baselined):
    said = baselined("stock", "fit").output
    assert "products match. Choose one by its SKU" in said


def test_stock_of_nothing_is_bad_news(baselined):
    assert "No synced product matches" in baselined("stock", "zebra", "saddle", expect=1).output
    assert baselined.json("history", "zebra", expect=1)["pools"] == []


def test_history_tells_who_moved_what(baselined):
    baselined.shops["us"].sell(JACKET, 5)
    baselined.work(moved_everywhere(JACKET, 45))

    entries = baselined.json("history", JACKET)["pools"][0]["entries"]
    assert [(each["store"], each["kind"], each["delta"]) for each in entries] == [
        ("us", "movement", -5),
        ("eu", "adjustment", -5),
    ]
    said = baselined("history", JACKET).output
    assert "→ shared 45" in said
    assert "written after" in said


def test_a_title_can_neither_colour_nor_command_the_terminal(tipo):
    """A merchant wrote it; an answer that obeys it could hide a line, or more."""
    title = "[bold red]Cap[/] \x1b[2J:smile:"
    for shop in tipo.shops.values():
        shop.add_product(title, "cap", ["One"])
    tipo.work(_has_pools)
    said = tipo("stock", "cap").output
    assert "[bold red]Cap[/]" in said
    assert ":smile:" in said
    assert "\x1b" not in said
    assert "\x1b" not in tipo("stock", "cap", "--json").stdout


async def _has_pools(service):
    return (await service.overview()).pools > 0


def test_places_show_what_belongs_together(known):
    said = known.json("locations")
    assert [place["name"] for place in said["location_groups"]] == ["Berlin warehouse"]
    assert [each["store"] for each in said["location_groups"][0]["locations"]] == ["eu", "us"]
    assert said["unmapped"] == []
    assert "New Jersey warehouse" in known("locations").output


def test_pause_and_resume_leave_their_mark(known):
    assert "Paused" in known("pause", "--yes").output
    assert "Writing is paused" in known("status").output
    assert known.json("resume", "--yes") == {"done": "resumed"}
    assert known.json("status")["overview"]["paused"] is None


@pytest.mark.parametrize("command", ["pause", "resume", "migrate"])
def test_what_writes_asks_first(known, command):
    assert "add --yes" in known(command, expect=2).output


def test_errors_are_json_too(tipo):
    said = tipo("status", "--json", expect=2)
    assert "there is no database" in json.loads(said.stdout)["error"]


def test_a_restart_learns_new_locations_and_scopes(known):
    """`tipo locations` and `tipo doctor` say: change it in the store, then restart."""
    known.shops["eu"].add_location("Pop-up")
    assert known.json("doctor")["healthy"] is True
    known.shops["us"].add_location("Pop-up")
    for shop in known.shops.values():
        shop.access.scopes.append("read_reports")
        shop.connect("SFDJ-M", max(shop.locations))

    known.work(_has_place("Pop-up"))

    said = known.json("locations")
    assert [place["name"] for place in said["location_groups"]] == ["Berlin warehouse", "Pop-up"]
    assert "Pop-up" in known("stock", JACKET).output


def _has_place(name):
    async def holds(service):
        location_groups, _ = await service.location_groups()
        pools = await service.stock(JACKET, live=False)
        scopes = [each.scopes for each in await service.stores()]
        return (
            name in {place.name for place in location_groups}
            and len(pools) == len(location_groups)
            and all("read_reports" in each for each in scopes)
        )

    return holds
