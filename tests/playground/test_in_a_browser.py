"""The playground in a real Chromium: every story by clicking, as somebody who has never seen it."""

from tests.playground.browser import chromium

DONE = "!!document.querySelector('[data-act=play].go') && !document.querySelector('.steps .failed')"
IS_UP = "!!document.querySelector('.store .hero')"
WIDTHS = (1280, 390)


def chip(key):
    return f".chip[data-story='{key}']"


def shows(store):
    return f"document.querySelector('#store-{store} .big span').textContent"


async def play(tab, key):
    """Click on a story, and wait until all its steps have come out right."""
    await tab.click(chip(key))
    await tab.until(f"document.querySelector(\"{chip(key)}\").ariaPressed === 'true'")
    state = "document.querySelector('.steps .failed') ? 'failed' : "
    state += "document.querySelector('.controls .go').textContent.includes('again') ? 'done' : ''"
    assert await tab.until(state, 60) == "done", await tab.js(
        "document.querySelector('.now').innerText"
    )


async def test_the_playground_as_a_person_uses_it(address, tmp_path):
    async with chromium(tmp_path / "profile") as tab:
        await tab.size(1280)
        await tab.open(address)
        await tab.until(IS_UP, 60)
        await tab.key("f")
        await play(tab, "1")
        assert (await tab.js(shows("eu")), await tab.js(shows("us"))) == ("55", "55")
        assert tab.errors == []
