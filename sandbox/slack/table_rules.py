"""Tables and charts: the rules of `table`, `data_table` and `data_visualization`."""

from collections.abc import Iterator
from typing import Any

from sandbox.slack.block_tree import texts
from sandbox.slack.limits import MAX, MIN
from sandbox.slack.rich_text_rules import RICH_TEXT
from sandbox.slack.rules import (
    Problem,
    Rule,
    bad,
    boolean,
    json_object,
    list_of,
    number,
    one_of,
    string,
    too_long,
    typed,
)

BLOCK_ID = string(MAX["block_id"], 1)
_NUMBER = json_object({"value": number(whole=False)}, {"text": string(MAX["table.content"], 1)})


def _cells(least: int) -> Rule:
    raw = json_object({"text": string(MAX["table.content"], least)}, {})
    return typed({"raw_text": raw, "raw_number": _NUMBER, "rich_text": RICH_TEXT})


def content(block: dict[str, Any]) -> int:
    """Return how many characters a table's cells have."""
    return sum(len(words) for words in texts(block.get("rows", [])))


def _within(key: str) -> Rule:
    def check(block: Any, at: str) -> Iterator[Problem]:
        if content(block) > MAX[key]:
            yield too_long(f"{at}/rows", MAX[key])

    return check


_COLUMN = json_object({}, {"align": one_of(("left", "center", "right")), "is_wrapped": boolean})


def _setting(value: Any, at: str) -> Iterator[Problem]:
    if value is not None:
        yield from _COLUMN(value, at)


TABLE = json_object(
    {"rows": list_of(list_of(_cells(0), MAX["table.columns"], 1), MAX["table.rows"], 1)},
    {
        "column_settings": list_of(_setting, MAX["table.column_settings"]),
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


DATA_TABLE = json_object(
    {
        "caption": string(MAX["text"], 1),
        "rows": list_of(
            list_of(
                _cells(MIN["data_table.cell_text"]),
                MAX["data_table.columns"],
                MIN["data_table.columns"],
            ),
            MAX["data_table.rows"],
            MIN["data_table.rows"],
        ),
    },
    {
        "page_size": number(MIN["data_table.page_size"], MAX["data_table.page_size"]),
        "row_header_column_index": number(MIN["data_table.row_header_column_index"]),
        "block_id": BLOCK_ID,
    },
    _even,
    _within("data_table.content"),
)


def _part(name: str) -> Rule:
    return string(MAX[f"data_visualization.{name}"], 1)


def _above_zero(value: Any, at: str) -> Iterator[Problem]:
    if value["value"] <= 0:
        yield bad(f"{at}/value", "exclusive_minimum", "must be more than 0")


_SEGMENT = json_object(
    {"label": _part("segment.label"), "value": number(whole=False)}, {}, _above_zero
)
_PIE = json_object(
    {
        "segments": list_of(
            _SEGMENT,
            MAX["data_visualization.segments"],
            MIN["data_visualization.segments"],
        )
    },
    {},
)
_POINT = json_object({"label": _part("point_label"), "value": number(whole=False)}, {})
_SERIES = json_object(
    {
        "name": _part("series_name"),
        "data": list_of(_POINT, MAX["data_visualization.data"], MIN["data_visualization.data"]),
    },
    {},
)
_AXES = json_object(
    {
        "categories": list_of(
            _part("category_label"),
            MAX["data_visualization.categories"],
            MIN["data_visualization.categories"],
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


_AXIAL = json_object(
    {
        "series": list_of(
            _SERIES, MAX["data_visualization.series"], MIN["data_visualization.series"]
        ),
        "axis_config": _AXES,
    },
    {},
    _aligned,
)
DATA_VISUALIZATION = json_object(
    {
        "title": _part("title"),
        "chart": typed({"pie": _PIE, "bar": _AXIAL, "line": _AXIAL, "area": _AXIAL}),
    },
    {"block_id": BLOCK_ID},
)
