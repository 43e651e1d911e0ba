# ruff: noqa: INP001, T201  # a script of the documentation, not a package
"""Draw the examples as people see them, and write them down as text.

python docs/slack/render.py                      the text alone: docs/slack/transcript.md
python docs/slack/render.py --pictures           also the pictures; needs Chromium
python docs/slack/render.py --pictures night     also this one
"""

import asyncio
import base64
import html
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from alerts import ALERTS  # noqa: E402  # the script's own folder comes first
from examples import EXAMPLES as FIRST  # noqa: E402
from replies import REPLIES  # noqa: E402
from shop import NOW  # noqa: E402

from sandbox.slack.block_html import HtmlReader, message_html, view_html  # noqa: E402
from sandbox.slack.block_text import render_blocks  # noqa: E402
from tests.playground.browser import Tab, chromium  # noqa: E402

GROUPS = {
    "What people see most": FIRST,
    "The other alerts": ALERTS,
    "The other answers, lists and forms": REPLIES,
}
EXAMPLES = {name: each for group in GROUPS.values() for name, each in group.items()}
PEOPLE = {"U0ANN": "ann"}
CSS = HERE.parents[1] / "sandbox/slack/blocks.css"
SCALE = 1.25
PAGE = (
    '<!doctype html><meta charset="utf-8"><style>body{{margin:0;padding:18px 22px}}{css}</style>'
    '<body class="slack">{body}'
)
LIVE = "../../sandbox/playground/static/gallery.html"
PLAYGROUND = HERE.parents[1] / "sandbox/playground/static/gallery.html"
GALLERY = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Every message · Tipo playground</title>
<link rel="stylesheet" href="/static/blocks.css">
<link rel="stylesheet" href="/static/playground.css">
</head>
<body>
<header class="top"><div class="brand"><span class="logo" aria-hidden="true">T</span><div>
<h1>Every message</h1>
<p>What Tipo says in Slack, made by the bot itself with the values of one shop.</p></div></div>
<p><a href="/">Back to the playground</a></p></header>
<main class="gallery">
{examples}
</main>
</body>
</html>
"""
READER = HtmlReader(name=PEOPLE.get, now=NOW)


def page(made: Any) -> str:
    """Return a whole page: a message, a modal or the App Home."""
    if isinstance(made, dict):
        return view_html(made, READER)
    return message_html(made.text, list(made.blocks), READER, who="Tipo", at=NOW)


async def draw(names: list[str], profile: Path) -> None:
    """Draw some examples, and say how large each picture is."""
    async with chromium(profile) as tab:
        for name in names:
            made = EXAMPLES[name][1]()
            is_modal = isinstance(made, dict) and made["type"] == "modal"
            source = profile / "page.html"
            source.write_text(PAGE.format(css=CSS.read_text(), body=page(made)), encoding="utf-8")
            await size(tab, 560 if is_modal else 820, 300)
            await tab.open(source.as_uri())
            await size(tab, 560 if is_modal else 820, await tab.js("document.body.scrollHeight"))
            shot = await picture(tab)
            (HERE / f"{name}.webp").write_bytes(shot)
            print(name, len(shot))


async def picture(tab: Tab) -> bytes:
    """Return what is seen, in a format that is a third of a PNG."""
    shot = await tab.send("Page.captureScreenshot", format="webp", quality=85)
    return base64.b64decode(shot["data"])


async def size(tab: Tab, width: int, height: int) -> None:
    """Make the page as large as what is drawn."""
    about = {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": False}
    await tab.send("Emulation.setDeviceMetricsOverride", **about)


def transcript() -> Iterator[str]:
    """Yield the lines of the page that says it all in text."""
    yield "# What Tipo says, as text"
    yield ""
    yield "Each message: its sentence for phones and screen readers, then what a screen shows."
    for title, group in GROUPS.items():
        yield from ("", f"## {title}")
        for words, make in group.values():
            yield from ("", f"### {words}", "")
            made = make()
            if isinstance(made, dict):
                blocks = made["blocks"]
            else:
                blocks = made.blocks
                text = html.unescape(re.sub("<[^>]+>", "", READER.mrkdwn(made.text)))
                yield from (f"> {text}", "")
            yield "```"
            yield from render_blocks(blocks, PEOPLE.get)
            yield "```"


def gallery() -> Iterator[str]:
    """Yield the lines of the page that shows the pictures."""
    yield "# What Tipo says in Slack"
    yield ""
    yield "Every message, answer, list and form, with the values of one shop: made by"
    yield "`python docs/slack/render.py --pictures` of what the bot itself uses. Also [as"
    yield f"text](transcript.md), and [as a page]({LIVE})"
    yield "that is light or dark like your screen and fits a phone."
    for title, group in GROUPS.items():
        yield from ("", f"## {title}")
        for name, (words, _) in group.items():
            head = words.partition(": ")[0]
            yield from ("", words, "", f"![{head.strip('.').replace('`', '')}]({name}.webp)")


def playground_gallery() -> str:
    """Return the page of the playground that shows every message."""
    return GALLERY.format(
        examples="\n".join(
            f'<h2 class="part">{title}</h2>\n' + "\n".join(map(card, group.values()))
            for title, group in GROUPS.items()
        )
    )


def card(example: tuple[str, Any]) -> str:
    """Return one example of that page."""
    words, make = example
    said = html.escape(words.replace("`", ""))
    head = re.sub("`(.+?)`", r"<code>\1</code>", html.escape(words))
    return (
        f'<section class="card" aria-label="{said}"><h3>{head}</h3>'
        f'<div class="slack" inert>{page(make())}</div></section>'
    )


def main() -> None:
    """Write the pages, and the pictures if they are asked for."""
    PLAYGROUND.write_text(playground_gallery(), encoding="utf-8")
    (HERE / "transcript.md").write_text("\n".join(transcript()) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text("\n".join(gallery()) + "\n", encoding="utf-8")
    if "--pictures" in sys.argv:
        names = sys.argv[sys.argv.index("--pictures") + 1 :] or list(EXAMPLES)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            asyncio.run(draw(names, Path(folder)))


if __name__ == "__main__":
    main()
