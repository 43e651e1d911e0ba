"""Rich text: the rules of its elements."""

from collections.abc import Mapping

from sandbox.slack.limits import MAX, MIN
from sandbox.slack.rules import Rule, boolean, json_object, list_of, number, one_of, string, typed

_MANY = 10_000  # no number is known; nothing is without end
_STYLES = (
    "bold",
    "italic",
    "strike",
    "code",
    "underline",
    "highlight",
    "client_highlight",
    "unlink",
)
_STYLE = json_object({}, dict.fromkeys(_STYLES, boolean))
_ID = string(255, 1)
_TEXT = string(_MANY * 4, 1)


def _part(needed: Mapping[str, Rule], **optional: Rule) -> Rule:
    return json_object(needed, {"style": _STYLE, **optional})


_PART = typed(
    {
        "text": _part({"text": _TEXT}),
        "link": _part({"url": string(3000, 1)}, text=_TEXT, unsafe=boolean),
        "emoji": _part({"name": _ID}, skin_tone=number(1, 6), unicode=_ID),
        "user": _part({"user_id": _ID}),
        "usergroup": _part({"usergroup_id": _ID}),
        "channel": _part({"channel_id": _ID}),
        "team": _part({"team_id": _ID}),
        "broadcast": _part({"range": one_of(("here", "channel", "everyone"))}),
        "color": _part({"value": _ID}),
        "date": _part(
            {"timestamp": number(0), "format": string(255, 1)},
            fallback=string(3000, 1),
            url=string(3000, 1),
        ),
    }
)
_PARTS = {"elements": list_of(_PART, _MANY)}
_SECTION = json_object(_PARTS, {})


def _border(kind: str) -> Rule:
    return number(MIN[f"{kind}.border"], MAX[f"{kind}.border"])


RICH_TEXT = json_object(
    {
        "elements": list_of(
            typed(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_preformatted": json_object(
                        _PARTS,
                        {"border": _border("rich_text_preformatted"), "language": string(255, 1)},
                    ),
                    "rich_text_quote": json_object(_PARTS, {"border": _border("rich_text_quote")}),
                    "rich_text_list": json_object(
                        {
                            "style": one_of(("bullet", "ordered")),
                            "elements": list_of(typed({"rich_text_section": _SECTION}), _MANY),
                        },
                        {
                            "indent": number(
                                MIN["rich_text_list.indent"], MAX["rich_text_list.indent"]
                            ),
                            "offset": number(MIN["rich_text_list.offset"]),
                            "border": _border("rich_text_list"),
                        },
                    ),
                }
            ),
            _MANY,
        )
    },
    {"block_id": string(MAX["block_id"], 1)},
)
