"""Rich text: the rules of its elements."""

from collections.abc import Mapping

from sandbox.slack.limits import LEAST, MOST
from sandbox.slack.schema import Rule, boolean, listed, number, one_of, string, thing, typed

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
_STYLE = thing({}, dict.fromkeys(_STYLES, boolean))
_ID = string(255, 1)
_TEXT = string(_MANY * 4, 1)


def _part(needed: Mapping[str, Rule], **optional: Rule) -> Rule:
    return thing(needed, {"style": _STYLE, **optional})


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
_PARTS = {"elements": listed(_PART, _MANY)}
_SECTION = thing(_PARTS, {})


def _border(kind: str) -> Rule:
    return number(LEAST[f"{kind}.border"], MOST[f"{kind}.border"])


RICH_TEXT = thing(
    {
        "elements": listed(
            typed(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_preformatted": thing(
                        _PARTS,
                        {"border": _border("rich_text_preformatted"), "language": string(255, 1)},
                    ),
                    "rich_text_quote": thing(_PARTS, {"border": _border("rich_text_quote")}),
                    "rich_text_list": thing(
                        {
                            "style": one_of(("bullet", "ordered")),
                            "elements": listed(typed({"rich_text_section": _SECTION}), _MANY),
                        },
                        {
                            "indent": number(
                                LEAST["rich_text_list.indent"], MOST["rich_text_list.indent"]
                            ),
                            "offset": number(LEAST["rich_text_list.offset"]),
                            "border": _border("rich_text_list"),
                        },
                    ),
                }
            ),
            _MANY,
        )
    },
    {"block_id": string(MOST["block_id"], 1)},
)
