"""What a button does: the ids by which Slack says which one was clicked."""

from enum import StrEnum

WHY_THIS_NUMBER = "why"  # the callback_id of the message shortcut


class Action(StrEnum):
    """What a button does; `decide` is followed by a choice."""

    DECIDE = "decide"
    DECIDE_ALL = "decide_all"
    REVIEW = "review"
    BULK = "bulk"
    DISMISS_REPORT = "dismiss_report"
    UNDO = "undo"
    SHARE = "share"
    CHOOSE = "choose"
    POOL_STOCK = "pool.stock"
    POOL_HISTORY = "pool.history"
    UNMATCHED_PAGE = "unmatched.page"
    LOCATIONS_OPEN = "places.open"
    LOCATIONS_PAGE = "places.page"
    REVIEW_CHOICE = "review.choice"
    REVIEW_REST = "review.rest"
    REVIEW_NEXT = "review.page.next"
    REVIEW_PREVIOUS = "review.page.previous"
    TAKE_OVER = "take_over"
    GO_LIVE = "go_live"
    INCIDENT_OWN = "incident.own"
    INCIDENT_SNOOZE = "incident.snooze"
    DRIFT = "drift"
    STATUS = "status"
    RUN = "run"  # followed by a command
    HOME_PAUSE = "home.pause"
    HOME_RESUME = "home.resume"
    HOME_CHECK = "home.check"
    SETTINGS = "settings"
    HOME_MODE = "home.mode"
