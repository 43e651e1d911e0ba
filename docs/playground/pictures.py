# ruff: noqa: INP001, T201  # a script of the documentation, not a package
"""Take the pictures of the playground anew: python docs/playground/pictures.py; needs Chromium.

They are of a real playground, after its stories were played in it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from sync_core.clock import WallClock  # noqa: E402
from tests.playground.browser import Tab, chromium  # noqa: E402
from tests.playground.conftest import playground  # noqa: E402
from tests.playground.test_in_a_browser import IS_UP, play  # noqa: E402

FLASH_SECONDS = 3.0  # until what has changed no longer shines


async def save(tab: Tab, name: str) -> None:
    """Save what is seen."""
    await WallClock().sleep(FLASH_SECONDS)
    picture = await tab.picture()
    (HERE / f"{name}.png").write_bytes(picture)
    print(name, len(picture))


async def main(address: str, profile: Path) -> None:
    """Play stories, and take a picture of each thing to see."""
    async with chromium(profile) as tab:
        await tab.size(1280, 1120)
        await tab.open(address)
        await tab.until(IS_UP, 60)
        await play(tab, "2")
        await tab.js("scrollTo(0, 0)")
        await save(tab, "flash-sale")
        await tab.click("#equation .term:nth-of-type(2) summary")
        await tab.click("#raw details summary")
        await tab.js("document.querySelector('.pair').scrollIntoView({ block: 'end' })")
        await save(tab, "books-and-wire")
        await tab.size(1280, 1120, dark=True)
        await play(tab, "4")
        await tab.js("scrollTo(0, 0)")
        await save(tab, "lost-webhook")
        await tab.size(390, 844, dark=True)
        await play(tab, "3")
        await tab.js("document.querySelector('.feed').scrollTop = 1e6")
        await tab.js("document.querySelector('#slack').scrollIntoView({ block: 'center' })")
        await save(tab, "phone")


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        playground(Path(folder)) as url,
    ):
        asyncio.run(main(url, Path(folder) / "profile"))
