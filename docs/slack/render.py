# ruff: noqa: INP001, S603, T201  # a script of the documentation, not a package
"""Draw the examples as people see them, and write them down as text.

python docs/slack/render.py              the text alone: docs/slack/transcript.md
python docs/slack/render.py --pictures   also the pictures; needs Chromium
"""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from examples import EXAMPLES, NOW  # noqa: E402  # the script's own folder comes first

from sandbox.slack.block_html import HtmlReader, message_html, view_html  # noqa: E402
from sandbox.slack.block_text import render_blocks  # noqa: E402

PEOPLE = {"U0ANN": "ann"}
CSS = HERE.parents[1] / "sandbox/slack/blocks.css"
SCALE = 1.25
PAGE = (
    '<!doctype html><meta charset="utf-8"><style>body{{margin:0;padding:18px 22px}}{css}</style>'
    '<body class="slack">{body}'
)
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


def picture(name: str, made: Any, chromium: str) -> int:
    """Draw one example; return the picture's size."""
    is_modal = isinstance(made, dict) and made["type"] == "modal"
    wide = 560 if is_modal else 820
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.png"
        tall = "<script>document.title=document.body.scrollHeight</script>"
        source.write_text(
            PAGE.format(css=CSS.read_text(), body=page(made)) + tall, encoding="utf-8"
        )
        base = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        asked = [*base, f"--window-size={wide},300", "--dump-dom", source.as_uri()]
        dom = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
        high = int(dom.split("<title>")[1].split("<")[0])
        shot = [f"--force-device-scale-factor={SCALE}", f"--window-size={wide},{high}"]
        asked = [*base, *shot, f"--screenshot={target}", source.as_uri()]
        subprocess.run(asked, capture_output=True, check=True, timeout=60)
        shutil.copy(target, HERE / f"{name}.png")
    return (HERE / f"{name}.png").stat().st_size


def transcript() -> Iterator[str]:
    """Yield the lines of the page that says it all in text."""
    yield "# What Tipo says, as text"
    yield ""
    yield "Each message: its sentence for phones and screen readers, then what a screen shows."
    for words, make in EXAMPLES.values():
        made = make()
        yield from ("", f"## {words}", "")
        if isinstance(made, dict):
            blocks = made["blocks"]
        else:
            blocks = made.blocks
            yield from (f"> {html.unescape(re.sub('<[^>]+>', '', READER.mrkdwn(made.text)))}", "")
        yield "```"
        yield from render_blocks(blocks, PEOPLE.get)
        yield "```"


def gallery() -> Iterator[str]:
    """Yield the lines of the page that shows the pictures."""
    yield "# What Tipo says in Slack"
    yield ""
    yield "Made by `python docs/slack/render.py --pictures` from what the bot itself uses, with the"
    yield "values of one shop. The same as text: [transcript.md](transcript.md)."
    for name, (words, _) in EXAMPLES.items():
        head, _, rest = words.partition(": ")
        lead = f"{head}: {rest}" if rest else head
        yield from ("", lead, "", f"![{head.strip('.').replace('`', '')}]({name}.png)")


def playground_gallery() -> str:
    """Return the page of the playground that shows every message."""
    examples = "\n".join(
        f'<section class="card" aria-label="{html.escape(words)}"><h2>{html.escape(words)}</h2>'
        f'<div class="slack" inert>{page(make())}</div></section>'
        for words, make in EXAMPLES.values()
    )
    return GALLERY.format(examples=examples)


def main() -> None:
    """Write the transcript, and on wish the pictures."""
    PLAYGROUND.write_text(playground_gallery(), encoding="utf-8")
    (HERE / "transcript.md").write_text("\n".join(transcript()) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text("\n".join(gallery()) + "\n", encoding="utf-8")
    if "--pictures" in sys.argv:
        chromium = shutil.which("chromium")
        if chromium is None:
            raise SystemExit("There is no Chromium here: apt-get install chromium")
        for name, (_, make) in EXAMPLES.items():
            print(name, picture(name, make(), chromium))


if __name__ == "__main__":
    main()
