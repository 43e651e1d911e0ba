"""What stores and Slack really send, to be changed."""

from typing import Any

from bot.commands.grammar import RUNNABLE
from bot.messages.action_ids import WHY_THIS_NUMBER, Action
from sync_core.domain.proposals import Choice
from sync_core.domain.values import Mode

Json = dict[str, Any]

AT = "2026-11-23T11:35:10+01:00"
TEXTS = (
    "",
    "stock SFDJ-M",
    "history slim-fit-denim-jacket",
    "buffer all 2 us",
    "pack SFDJ-M 6 us",
    "undo 1",
    "quiet 22:00-07:00",
    "alerts all",
    "approvers <@U1> <!subteam^S1>",
    "mode two-way us",
    "unmatched",
    "locations",
    "takeover us",
    'stock "denim & jacket"',
)
CALLBACKS = ("places", "review", "bulk", "bulk_confirm", "number", "settings", "old")
FIELDS = {
    "choice.1.use_source.1": {"choice": {"selected_option": {"value": "use_number"}}},
    "number.1": {"number": {"type": "plain_text_input", "value": "5"}},
    "location.1.eu": {"element": {"selected_option": {"value": "101"}}},
    "location.0.name": {"element": {"value": "Berlin"}},
    "without": {"element": {"selected_options": [{"value": "1"}, {"value": "2"}]}},
    "who": {"who": {"selected_option": {"value": "listed"}}},
    "people": {"people": {"selected_users": ["U1"]}},
    "quiet_from": {"quiet_from": {"selected_time": "22:00"}},
    "quiet_to": {"quiet_to": {"selected_time": "07:00"}},
    "alerts": {"alerts": {"selected_option": {"value": "all"}}},
    "nightly": {"nightly": {"selected_time": "02:00"}},
}
METADATA = '{"t":"token","c":[[1,"use_number",5,1]],"r":"use_lower","u":7,"o":10,"p":[4,5]}'


def webhooks(levels: list[tuple[int, int]], product: int) -> list[tuple[str, Json]]:
    """Return webhooks of a store by topic; `levels` are item and location."""
    item, location = levels[0]
    line = {"id": 8001, "variant_id": 1, "quantity": 2}
    order = {"id": 9001, "name": "#1009", "created_at": AT, "updated_at": AT, "line_items": [line]}
    back = {"line_item_id": 8001, "quantity": 1, "restock_type": "cancel", "location_id": location}
    variant = {"id": 1, "inventory_item_id": item, "sku": "SFDJ-S", "option1": "S", "barcode": "1"}
    changed = {
        "id": product,
        "handle": "slim-fit-denim-jacket",
        "title": "Slim",
        "status": "active",
    }
    return [
        *(
            (
                "inventory_levels/update",
                {
                    "inventory_item_id": item,
                    "location_id": location,
                    "available": 40 + number,
                    "updated_at": AT,
                },
            )
            for number, (item, location) in enumerate(levels)
        ),
        ("products/update", changed | {"variants": [variant]}),
        ("products/create", changed | {"variants": [variant]}),
        ("products/delete", {"id": 1}),
        ("orders/create", order),
        (
            "orders/cancelled",
            order | {"cancelled_at": AT, "refunds": [{"refund_line_items": [back]}]},
        ),
        (
            "refunds/create",
            {
                "id": 9,
                "order_id": 9001,
                "created_at": AT,
                "refund_line_items": [back | {"id": 1, "line_item": line}],
            },
        ),
        ("bulk_operations/finish", {"admin_graphql_api_id": "gid://shopify/BulkOperation/1"}),
        ("app/uninstalled", {"id": 1}),
        ("themes/publish", {"id": 1}),
    ]


def slack(team: str, person: str, us: str, channel: str, url: str) -> list[Json]:
    """Return what people do in Slack: commands, clicks, forms and messages."""
    who = {
        "user": {"id": person, "username": "ann", "team_id": team},
        "team": {"id": team, "domain": "urbanwear"},
        "is_enterprise_install": False,
        "enterprise": None,
        "trigger_id": "1.2.x",
        "response_url": url,
    }
    place = {
        "container": {"type": "message", "message_ts": "1.2", "channel_id": channel},
        "channel": {"id": channel},
    }
    form = {"id": "V1", "type": "modal", "private_metadata": METADATA, "state": {"values": FIELDS}}
    return [
        *(_command(each, team, person, channel, url) for each in TEXTS),
        *(
            {
                "type": "block_actions",
                **who,
                **place,
                "actions": [{"action_id": action, "block_id": "b", "value": value}],
            }
            for action, value in _buttons()
        ),
        *(
            {"type": "block_actions", **who, "view": form, "actions": [{"action_id": action}]}
            for action in (Action.REVIEW_CHOICE, Action.REVIEW_NEXT, Action.LOCATIONS_PAGE)
        ),
        *(
            {"type": "view_submission", **who, "view": form | {"callback_id": each}}
            for each in CALLBACKS
        ),
        *(_event(each, team, person) for each in _events(us, channel, team)),
        {"type": "url_verification", "challenge": "x"},
        {"type": "shortcut", **who, "callback_id": "x"},
        {
            "type": "message_action",
            **who,
            "callback_id": WHY_THIS_NUMBER,
            "channel": {"id": channel},
            "message_ts": "1763881234.000100",
            "message": {"text": "SFDJ-M?", "blocks": [{"type": "section", "text": {"text": "x"}}]},
        },
        {"type": "view_closed", **who, "view": form | {"callback_id": "review"}},
    ]


def _command(text: str, team: str, person: str, channel: str, url: str) -> Json:
    return {
        "command": "/tipo",
        "text": text,
        "team_id": team,
        "user_id": person,
        "user_name": "ann",
        "channel_id": channel,
        "response_url": url,
    }


def _buttons() -> list[tuple[str, str]]:
    families = {
        Action.DECIDE: Choice,
        Action.HOME_MODE: Mode,
        Action.RUN: RUNNABLE,
        Action.CHOOSE: ("stock", "history"),
    }
    return [
        *((f"{each}", "1") for each in Action),
        *((f"{head}.{tail}", "7") for head, tails in families.items() for tail in tails),
        (Action.SHARE, "stock:1"),
        (Action.SHARE, "stock SFDJ-M"),
    ]


def _events(us: str, channel: str, team: str) -> list[Json]:
    message = {"text": f"<@{us}> status", "ts": "1763881234.000100", "channel": channel}
    return [
        {"type": "app_mention", **message, "team": team, "thread_ts": "1763881230.000100"},
        {"type": "message", **message, "channel_type": "im"},
        {"type": "message", **message, "subtype": "message_changed", "message": {"ts": "1.2"}},
        {"type": "app_home_opened", "tab": "home", "view": {"hash": "1"}},
        {"type": "team_join", "user": {"id": "U1"}},
        {"type": "member_joined_channel", "channel": channel},
    ]


def _event(event: Json, team: str, person: str) -> Json:
    return {
        "type": "event_callback",
        "team_id": team,
        "authorizations": [{"team_id": team, "user_id": person, "is_bot": True}],
        "event": {"user": person, **event},
    }


def requests(body: bytes, head: list[tuple[str, str]], path: str) -> list[bytes]:
    """Return HTTP requests as bytes, one with chunks and one after another among them."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in head)
    start = f"POST {path} HTTP/1.1\r\nhost: tipo\r\n{lines}"
    whole = f"{start}content-length: {len(body)}\r\n\r\n".encode() + body
    chunks = b"%x\r\n%s\r\n0\r\nx-trailer: 1\r\n\r\n" % (len(body), body)
    return [
        whole,
        f"{start}transfer-encoding: chunked\r\n\r\n".encode() + chunks,
        f"{start}expect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body,
        b"GET /healthz HTTP/1.1\r\nhost: tipo\r\n\r\n" + whole,
        b"GET /healthz?x=%00 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" * 2,
        b"HEAD /healthz HTTP/1.1\r\nhost: tipo\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    ]
