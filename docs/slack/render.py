# ruff: noqa: INP001, S603, T201  # a script of the documentation, not a package
"""Draw the examples as people see them, and write them down as text.

python docs/slack/render.py              the text alone: docs/slack/transcript.md
python docs/slack/render.py --pictures   also the pictures; needs Chromium
"""

import html
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from examples import EXAMPLES, NOW  # noqa: E402  # the script's own folder comes first

from sandbox.slack.block_text import render_blocks  # noqa: E402

PEOPLE = {"U0ANN": "ann"}
EMOJI = {
    "rotating_light": "🚨",
    "warning": "⚠️",
    "information_source": "ℹ️",  # noqa: RUF001  # that is the emoji's name in Unicode
    "white_check_mark": "✅",
    "double_vertical_bar": "⏸️",
    "question": "❓",
    "white_circle": "⚪",
}
CSS = HERE / "page.css"
SCALE = 1.25
COLORS = ("#1d9bd1", "#e8912d", "#2eb67d", "#e01e5a", "#7c3aed", "#8d8d8d")
PAGE = '<!doctype html><meta charset="utf-8"><style>{css}</style><body>{body}'


def stamped(seconds: int, style: str) -> str:
    """Return a moment as Slack shows it to somebody in UTC."""
    at = datetime.fromtimestamp(seconds, UTC)
    if style == "{ago}":
        return f"{round((NOW - at).total_seconds() / 60)} minutes ago"
    if style == "{date}":
        return f"{at:%B} {at.day}, {at.year}"
    if style == "{time}":
        return f"{at:%H:%M}"
    day = "Today" if at.date() == NOW.date() else "Tomorrow" if at > NOW else f"{at:%b} {at.day}"
    return f"{day} {at:%H:%M}" if "{time}" in style else day


def mrkdwn(words: str) -> str:
    """Return the little mrkdwn that we use: dates and people."""
    made = ""
    for part in words.replace("<", "\0<").replace(">", ">\0").split("\0"):
        if part.startswith("<!date^"):
            _, seconds, style = part.split("|")[0].split("^")
            made += html.escape(stamped(int(seconds), style))
        elif part.startswith("<https://"):
            made += f'<span class="link">{html.escape(part[1:-1].partition("|")[2])}</span>'
        elif part.startswith("<@"):
            made += f'<span class="at">@{PEOPLE[part[2:-1]]}</span>'
        else:
            made += html.escape(html.unescape(part))
    return made


def rich(element: dict[str, Any]) -> str:
    """Return one element of rich text."""
    match element["type"]:
        case "rich_text_list":
            return f"<ul>{''.join(f'<li>{rich(each)}</li>' for each in element['elements'])}</ul>"
        case "rich_text_section" | "rich_text":
            return "".join(map(rich, element["elements"]))
        case "emoji":
            return EMOJI[element["name"]]
        case "date":
            words = stamped(element["timestamp"], element["format"])
            return f'<span class="d">{html.escape(words)}</span>'
        case "user":
            return f'<span class="at">@{PEOPLE[element["user_id"]]}</span>'
    words = html.escape(element["text"]).replace("  ", "&ensp;")
    for name, tag in (("bold", "b"), ("code", "code")):
        if element.get("style", {}).get(name):
            words = f"<{tag}>{words}</{tag}>"
    return f'<span class="link">{words}</span>' if element["type"] == "link" else words


def table(block: dict[str, Any]) -> str:
    """Return a table; the first row is its head."""
    right = [(each or {}).get("align") == "right" for each in block["column_settings"]]
    lines = ""
    for at, row in enumerate(block["rows"]):
        tag = "td" if at else "th"
        for cell, is_right in zip(row, right, strict=True):
            words = rich(cell) if cell["type"] == "rich_text" else html.escape(cell["text"])
            lines += f"<{tag}{' class=r' if is_right else ''}>{words}</{tag}>"
        lines += "<tr>"
    return f"<table><tr>{lines}</table>"


def sortable_table(block: dict[str, Any]) -> str:
    """Return the first page of a table that can be sorted."""
    head, *rows = block["rows"]
    shown = rows[: block["page_size"]]
    marked = [{**each, "text": f"{each['text']} \u21c5"} for each in head]
    made = table({"rows": [marked, *shown], "column_settings": [None] * len(head)})
    foot = f"1 to {len(shown)} of {len(rows)} \u2039 \u203a" if len(rows) > len(shown) else ""
    return f'{made}<div class="ctx">{foot}</div>'


def chart(block: dict[str, Any]) -> str:
    """Return a bar chart as SVG."""
    series, labels = block["chart"]["series"], block["chart"]["axis_config"]["categories"]
    most = max(each["value"] for one in series for each in one["data"]) or 1
    step, tall = 680 / len(labels), 140
    wide = (step - 12) / len(series)
    parts = "".join(
        f'<line x1="30" x2="710" y1="{10 + y}" y2="{10 + y}" stroke="#eee"/>'
        f'<text x="24" y="{14 + y}" text-anchor="end">{round(most * (1 - y / tall))}</text>'
        for y in (0, tall / 2, tall)
    )
    for at, label in enumerate(labels):
        x = 36 + at * step
        for nth, one in enumerate(series):
            high = one["data"][at]["value"] / most * tall
            parts += (
                f'<rect x="{x + nth * wide:.1f}" y="{10 + tall - high:.1f}" width="{wide - 2:.1f}" '
                f'height="{high:.1f}" rx="2" fill="{COLORS[nth]}"/>'
            )
        parts += f'<text x="{x + step / 2 - 6:.1f}" y="166" text-anchor="middle">{label}</text>'
    legend = "".join(
        f'<i style="background:{color}"></i>{html.escape(one["name"])}'
        for one, color in zip(series, COLORS, strict=False)
    )
    return (
        f"<b>{html.escape(block['title'])}</b><span class=legend>{legend}</span>"
        f'<svg width="716" height="172">{parts}</svg>'
    )


def element(each: dict[str, Any]) -> str:
    """Return a button, a menu or a field."""
    if each["type"] == "button":
        words = html.escape(each["text"]["text"])
        return f'<button class="{each.get("style", "")}">{words}</button>'
    shown = each.get("initial_option", {}).get("text") or each.get("placeholder") or {}
    words = html.escape(shown.get("text", each.get("initial_value", ""))) or "&nbsp;"
    is_menu = each["type"] == "static_select"
    return f'<span class="{"sel" if is_menu else "sel field plain"}">{words}</span>'


def context(block: dict[str, Any]) -> str:
    """Return small print."""
    words = "".join(f"<span>{mrkdwn(each['text'])}</span>" for each in block["elements"])
    return f'<div class="ctx">{words}</div>'


def section(block: dict[str, Any]) -> str:
    """Return a line with something to click beside it."""
    words = html.escape(block["text"]["text"])
    return f'<div class="row">{words}{element(block["accessory"])}</div>'


def field(block: dict[str, Any]) -> str:
    """Return a field of a form."""
    optional = '<span class="opt"> (optional)</span>' if block.get("optional") else ""
    hint = f'<div class="hint">{block["hint"]["text"]}</div>' if "hint" in block else ""
    label = f'<div class="label">{html.escape(block["label"]["text"])}{optional}</div>'
    return f"{label}{element(block['element'])}{hint}"


BLOCKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "rich_text": rich,
    "table": table,
    "data_table": sortable_table,
    "data_visualization": chart,
    "header": lambda block: f"<h3>{html.escape(block['text']['text'])}</h3>",
    "divider": lambda _: "<hr>",
    "context": context,
    "actions": lambda block: "".join(map(element, block["elements"])),
    "section": section,
    "input": field,
}


def page(made: Any) -> str:
    """Return a whole page: a message, a modal or the App Home."""
    blocks = made["blocks"] if isinstance(made, dict) else made.blocks
    body = "".join(f'<div class="b">{BLOCKS[each["type"]](each)}</div>' for each in blocks)
    if not isinstance(made, dict):
        head = '<span class="name">Tipo</span><span class="app">APP</span>'
        time = f'<span class="time">{NOW:%H:%M}</span>'
        said = f'<div class="in">{head}{time}{body}</div>'
        return f'<div class="msg"><div class="face">T</div>{said}</div>'
    if made["type"] == "home":
        return body
    title, submit = made["title"]["text"], made["submit"]["text"]
    bar = f'<div class="bar">{title}<span>×</span></div>'  # noqa: RUF001  # the cross that closes
    feet = f'<button>{made["close"]["text"]}</button><button class="primary">{submit}</button>'
    body = f'<div class="body">{body}</div><div class="foot">{feet}</div>'
    return f'<div class="modal">{bar}{body}</div>'


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
            yield from (f"> {mrkdwn_text(made.text)}", "")
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


def mrkdwn_text(words: str) -> str:
    """Return a message's sentence as plain text."""
    tags = mrkdwn(words).replace('<span class="at">', "").replace("</span>", "")
    return html.unescape(tags)


def main() -> None:
    """Write the transcript, and on wish the pictures."""
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
