"""A bar chart as SVG."""

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, HEIGHT = 680, 140  # of the bars alone
LEFT, TOP, LABELS_AT = 36, 10, 166


def bar_chart(block: Mapping[str, Any]) -> str:
    """Return a bar chart with its title and a legend; colours are `.series-0` and so on."""
    series, labels = block["chart"]["series"], block["chart"]["axis_config"]["categories"]
    most = max(each["value"] for one in series for each in one["data"]) or 1
    step = WIDTH / len(labels)
    wide = (step - 12) / len(series)
    parts = "".join(_line(y, round(most * (1 - y / HEIGHT))) for y in (0, HEIGHT / 2, HEIGHT))
    for at, label in enumerate(labels):
        x = LEFT + at * step
        for nth, one in enumerate(series):
            high = one["data"][at]["value"] / most * HEIGHT
            parts += (
                f'<rect x="{x + nth * wide:.1f}" y="{TOP + HEIGHT - high:.1f}" rx="2" '
                f'width="{wide - 2:.1f}" height="{high:.1f}" class="series-{nth}"/>'
            )
        middle = x + step / 2 - 6
        words = escape(label)
        parts += f'<text x="{middle:.1f}" y="{LABELS_AT}" text-anchor="middle">{words}</text>'
    legend = "".join(
        f'<i class="series-{nth}"></i>{escape(one["name"])}' for nth, one in enumerate(series)
    )
    title = escape(block["title"])
    drawn = f'<svg viewBox="0 0 716 172" role="img" aria-label="{title}">{parts}</svg>'
    return f"<b>{title}</b><span class=legend>{legend}</span>{drawn}"


def _line(y: float, value: int) -> str:
    return (
        f'<line x1="30" x2="710" y1="{TOP + y}" y2="{TOP + y}"/>'
        f'<text x="24" y="{TOP + 4 + y}" text-anchor="end">{value}</text>'
    )
