"""The playground in a real Chromium, used by clicking and typing, as by somebody new to it.

One test, since starting everything takes longer than most of what is checked; each part of it says
what it promises.
"""

import json
from pathlib import Path

import pytest

from sandbox.playground.stories import stories
from tests.playground.browser import chromium

AXE = (Path(__file__).parent / "axe.min.js").read_text("utf-8")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
IS_UP = "!!document.querySelector('.store .hero')"
STATE = """(() => {
  if (document.querySelector('.steps .failed')) return 'failed';
  return document.querySelector('.controls .go').textContent.includes('again') ? 'done' : '';
})()"""
# What moved on the page without anybody's click: Chromium's own measure of layout jumps.
JUMPS = """window.jumps = 0; new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.jumps += each.value;
}).observe({ type: 'layout-shift' })"""
MAX_JUMPS = 0.05  # in all; a page is good up to 0.1 in five seconds
ENDINGS = {"1": 55, "2": None, "3": -1, "4": 46, "5": 41, "6": 44, "7": 45}


def shows(store):
    return f"document.querySelector('#store-{store} .big span').textContent.replace(/^\\D/, '-')"


async def play(tab, key):
    """Click on a story; all its steps must come out right."""
    await tab.click(f".chip[data-story='{key}']")
    await tab.until(f"document.querySelector('.chip[data-story=\"{key}\"]').ariaPressed === 'true'")
    state = await tab.until(STATE, 60)
    assert state == "done", await tab.js("document.querySelector('.now').innerText")


async def accessible(tab):
    """Nothing that axe knows keeps anybody out."""
    await tab.js(f"(window.axe || (0, eval)({json.dumps(AXE)}), 1)")
    found = await tab.js(f"axe.run(document, {json.dumps(RULES)}).then((all) => all.violations)")
    said = [(each["id"], [node["html"][:160] for node in each["nodes"]][:3]) for each in found]
    assert said == []


async def fits(tab):
    """Nothing is wider than the page."""
    assert await tab.js("document.documentElement.scrollWidth <= innerWidth")


async def test_the_playground_as_a_person_uses_it(address, tmp_path):
    async with chromium(tmp_path / "profile") as tab:
        await tab.size(1280)
        await tab.open(address)
        await tab.until(IS_UP, 60)
        await tab.js(JUMPS)
        await the_one_obvious_button_shows_a_change(tab)
        await keys_pause_and_step(tab)
        await every_story_comes_out_right(tab)
        await a_stranger_may_not_approve_and_an_approver_uses_the_form(tab)
        await every_request_can_be_seen(tab)
        await the_last_unit_can_be_sold_again(tab)
        assert await tab.js("window.jumps") < MAX_JUMPS
        await accessible(tab)
        await the_address_plays_the_same_again(tab, address)
        await a_narrow_dark_page_fits(tab, address)
        await the_gallery_shows_every_message(tab, address)
        assert tab.errors == []


async def the_one_obvious_button_shows_a_change(tab):
    """Within five seconds of it, a number has changed; then both go 50, 45, 55."""
    await tab.click(".now .go")
    await tab.until(f"{shows('us')} === '45'", 5)
    assert await tab.until(STATE) == "done"
    assert [await tab.js(shows(each)) for each in ("eu", "us")] == ["55", "55"]


async def keys_pause_and_step(tab):
    """Without a mouse: a digit plays, space pauses, n is one step, and f makes haste."""
    done = "document.querySelectorAll('.steps .done').length"
    await tab.key("6")
    await tab.until(f"{done} === 1")
    await tab.key("Space")
    await tab.until("document.querySelector('.go').textContent.includes('Go on')")
    before = await tab.js(done)
    await tab.key("n")
    await tab.until(f"{done} > {before}")  # one may have been under way
    await tab.key("Space")
    await tab.key("f")
    await tab.until("document.querySelector('[data-act=speed]').ariaPressed === 'true'")
    assert await tab.until(STATE, 60) == "done"


async def every_story_comes_out_right(tab):
    """By clicking, ten times as fast; the button has played the first, and a key the sixth."""
    for key in sorted(set(stories(1)) - {"1", "6"}):
        await play(tab, key)
        if key == "2":
            await the_naive_sync_has_lost_units_and_tipo_none(tab)
        wanted = ENDINGS[key]
        shown = [int(await tab.js(shows(each))) for each in ("eu", "us")]
        assert shown[0] == shown[1]
        assert wanted in {None, shown[0]}


async def the_naive_sync_has_lost_units_and_tipo_none(tab):
    """The strongest picture: the same customers, two scores."""
    await tab.until("document.querySelector('.lane.naive .score.bad')")
    score = "+document.querySelector('.lane.{} .score b').textContent"
    assert await tab.js(score.format("naive")) > 0
    assert await tab.js(score.format("tipo")) == 0
    shared = "document.querySelector('#equation .whole b').textContent"
    assert await tab.js(shared) == await tab.js(shows("eu"))
    await tab.click("#equation .term:nth-of-type(2) summary")
    assert "order #" in await tab.js("document.querySelector('#equation details[open]').innerText")


async def a_stranger_may_not_approve_and_an_approver_uses_the_form(tab):
    """Somebody loses a webhook by hand, types a command, and decides in the form."""
    await tab.click("#store-us [data-sku='RFMJ3-S']")
    await tab.click("#store-us .trouble summary")
    await tab.click("#store-us [data-step='lost~us~on']")
    await tab.click("#store-us .trouble summary")
    await tab.js("document.querySelector('#units-us').value = 3")
    await tab.click("#store-us [data-step^='sell']")
    await tab.until(f"{shows('us')} === '47'")
    await tab.click("[data-who=bob]")
    await tab.click("#say")
    await tab.type("/tipo check")
    await tab.key("Enter")
    await tab.click(".post:last-of-type [data-action=decide_all]")
    await tab.click("#confirm .go")
    await tab.until("/approver/.test(document.querySelector('.feed').innerText)")
    assert await tab.js(shows("eu")) == "50"
    await tab.click("[data-who=ann]")
    await tab.until("document.querySelector('[data-who=ann]').ariaPressed === 'true'")
    await tab.click(".post:last-of-type [data-action^=review]")
    await tab.until("document.querySelector('#modal[open] select')")
    await accessible(tab)
    await tab.click("#modal [data-submit]")
    await tab.until(f"{shows('eu')} === '47'")
    await tab.until("!document.querySelector('#modal [data-submit]')")
    await tab.key("Escape")
    await tab.until("!document.querySelector('#modal').open")


async def every_request_can_be_seen(tab):
    """The webhook, the mutation, and what Slack was sent and sends: to the byte."""
    said = await tab.js("document.querySelector('#raw').textContent")
    for way in ("US store → Tipo", "Tipo → EU store", "Tipo → Slack", "Slack → Tipo"):
        assert way in said
    lines = "[...document.querySelectorAll('#raw details')]"
    await tab.js(f"{lines}.find((each) => /available 47/.test(each.innerText)).open = true")
    curl = await tab.until("document.querySelector('#raw details[open] pre').textContent")
    assert curl.startswith("curl -X POST http://127.0.0.1:")
    assert "X-Shopify-Hmac-Sha256: " in curl
    assert '"available":47' in curl


async def the_last_unit_can_be_sold_again(tab):
    """The switch plays steps of no story in the list; "Play again" plays the same once more."""
    title = "The last unit, in both stores at once"
    await tab.click("#store-us .trouble summary")
    await tab.click("#store-us [data-act=last]")
    await tab.until(f"document.querySelector('.now h2').textContent === '{title}'")
    for _ in range(2):
        assert await tab.until(STATE) == "done"
        assert await tab.js("document.querySelector('.now h2').textContent") == title
        assert await tab.js("document.querySelectorAll('.steps .done').length") == 4
        await tab.click(".now .go")
        await tab.until(f"!{STATE}")
    assert await tab.until(STATE) == "done"
    await tab.click("#store-us .trouble summary")


async def the_address_plays_the_same_again(tab, address):
    """Anyone who is sent the link sees what the sender saw."""
    await play(tab, "1")
    link = await tab.until("location.search.includes('shows~SFDJ-M~55') && location.search")
    assert link.startswith("?seed=1&steps=begin~SFDJ-M~50,sell~us~SFDJ-M~5,")
    await tab.click("#store-eu [data-step^=restock]")  # what is played now is no longer in it
    await tab.until(f"{shows('us')} === '56'")
    await tab.open(address + link)
    await tab.click(".chip[data-act=steps]")
    await tab.until("document.querySelector('.now h2').textContent.includes('this address')")
    assert await tab.until(STATE) == "done"


async def a_narrow_dark_page_fits(tab, address):
    """A phone at night."""
    await tab.size(390, dark=True)
    await tab.open(address)
    await tab.until(IS_UP)
    await fits(tab)
    await accessible(tab)


async def the_gallery_shows_every_message(tab, address):
    """Also what no story brings about."""
    await tab.open(address + "gallery")
    assert await tab.js("document.querySelectorAll('main .card').length") > 20
    await fits(tab)
    await accessible(tab)


@pytest.mark.parametrize("seed", [1, 7, 2026])
def test_each_story_has_an_ending_that_is_checked(seed):
    """A story that nobody checks may end in anything."""
    assert set(stories(seed)) == set(ENDINGS)
