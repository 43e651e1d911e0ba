"""Tables and charts: the rules of `table`, `data_table` and `data_visualization`."""

from collections.abc import Iterator
from typing import Any

from sandbox.slack.limits import LEAST, MOST
from sandbox.slack.rich import RICH_TEXT
from sandbox.slack.schema import (
    Problem,
    Rule,
    bad,
    boolean,
    listed,
    number,
    one_of,
    string,
    thing,
    too_long,
    typed,
)
from sandbox.slack.words import texts

BLOCK_ID = string(MOST["block_id"], 1)
_NUMBER = thing({"value": number(whole=False)}, {"text": string(MOST["table.content"], 1)})


def _cells(least: int) -> Rule:
    raw = thing({"text": string(MOST["table.content"], least)}, {})
    return typed({"raw_text": raw, "raw_number": _NUMBER, "rich_text": RICH_TEXT})


def content(block: dict[str, Any]) -> int:
    """Return how many characters a table's cells have."""
    return sum(len(words) for words in texts(block.get("rows", [])))


def _within(key: str) -> Rule:
    def check(block: Any, at: str) -> Iterator[Problem]:
        if content(block) > MOST[key]:
            yield too_long(f"{at}/rows", MOST[key])

    return check


_COLUMN = thing({}, {"align": one_of(("left", "center", "right")), "is_wrapped": boolean})


def _setting(value: Any, at: str) -> Iterator[Problem]:
    if value is not None:
        yield from _COLUMN(value, at)


TABLE = thing(
    {"rows": listed(listed(_cells(0), MOST["table.columns"], 1), MOST["table.rows"], 1)},
    {
        "column_settings": listed(_setting, MOST["table.column_settings"]),
        "block_id": BLOCK_ID,
    },
    _within("table.content"),
)


def _even(block: Any, at: str) -> Iterator[Problem]:
    """Expect rows of one length, and a header without rich text."""
    rows = block["rows"]
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            yield bad(f"{at}/rows/{index}", "row_length", "all rows must have the same length")
    for index, cell in enumerate(rows[0]):
        if cell["type"] == "rich_text":
            yield bad(f"{at}/rows/0/{index}", "header", "header cells must not be rich text")
    if block.get("row_header_column_index", 0) >= len(rows[0]):
        yield bad(f"{at}/row_header_column_index", "maximum", "there is no such column")


DATA_TABLE = thing(
    {
        "caption": string(MOST["text"], 1),
        "rows": listed(
            listed(
                _cells(LEAST["data_table.cell_text"]),
                MOST["data_table.columns"],
                LEAST["data_table.columns"],
            ),
            MOST["data_table.rows"],
            LEAST["data_table.rows"],
        ),
    },
    {
        "page_size": number(LEAST["data_table.page_size"], MOST["data_table.page_size"]),
        "row_header_column_index": number(LEAST["data_table.row_header_column_index"]),
        "block_id": BLOCK_ID,
    },
    _even,
    _within("data_table.content"),
)


def _part(name: str) -> Rule:
    return string(MOST[f"data_visualization.{name}"], 1)


def _above_zero(value: Any, at: str) -> Iterator[Problem]:
    if value["value"] <= 0:
        yield bad(f"{at}/value", "exclusive_minimum", "must be more than 0")


_SEGMENT = thing({"label": _part("segment.label"), "value": number(whole=False)}, {}, _above_zero)
_PIE = thing(
    {
        "segments": listed(
            _SEGMENT,
            MOST["data_visualization.segments"],
            LEAST["data_visualization.segments"],
        )
    },
    {},
)
_POINT = thing({"label": _part("point_label"), "value": number(whole=False)}, {})
_SERIES = thing(
    {
        "name": _part("series_name"),
        "data": listed(_POINT, MOST["data_visualization.data"], LEAST["data_visualization.data"]),
    },
    {},
)
_AXES = thing(
    {
        "categories": listed(
            _part("category_label"),
            MOST["data_visualization.categories"],
            LEAST["data_visualization.categories"],
        )
    },
    {"x_label": _part("axis_label"), "y_label": _part("axis_label")},
)


def _aligned(chart: Any, at: str) -> Iterator[Problem]:
    """Expect one point per category in each series, and no name twice."""
    categories = chart["axis_config"]["categories"]
    for index, series in enumerate(chart["series"]):
        if [point["label"] for point in series["data"]] != categories:
            yield bad(f"{at}/series/{index}/data", "categories", "labels must equal the categories")
    names = [series["name"] for series in chart["series"]]
    if len(set(names)) != len(names):
        yield bad(f"{at}/series", "duplicate_name", "series must have unique names")
    if len(set(categories)) != len(categories):
        yield bad(f"{at}/axis_config/categories", "duplicate", "categories must be unique")


_AXIAL = thing(
    {
        "series": listed(
            _SERIES, MOST["data_visualization.series"], LEAST["data_visualization.series"]
        ),
        "axis_config": _AXES,
    },
    {},
    _aligned,
)
DATA_VISUALIZATION = thing(
    {
        "title": _part("title"),
        "chart": typed({"pie": _PIE, "bar": _AXIAL, "line": _AXIAL, "area": _AXIAL}),
    },
    {"block_id": BLOCK_ID},
)
