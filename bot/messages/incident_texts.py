"""What each kind of incident is called, what Tipo does about it, and what people can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.messages.block_kit import Part, bold, date, title
from bot.messages.circuit_breaker import breaker_headline
from bot.messages.contest import contest_headline
from bot.messages.findings import kind_words
from bot.messages.lease import baseline_headline, lease_headline, older_headline, weak_headline
from bot.messages.oversell import oversold_headline
from bot.messages.state import paused_by
from bot.messages.stock import REASONS
from bot.text import clean, counted, number, store_name
from sync_core.domain.process_roles import MEANWHILE, ProcessRole

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentText:
    """What is said about one kind of trouble."""

    headline: Callable[[Facts, int], list[Part]]  # its facts, and how many things it is about
    did: str = ""
    can: str = ""


def _store(facts: Facts) -> str:
    return store_name(facts.get("store"))


def _why(facts: Facts, nothing: str = "no reason was given") -> str:
    why = f"{facts.get('why') or nothing}"
    return clean(REASONS.get(why, why), 200).rstrip(".")


def _store_blocked(facts: Facts, _: int) -> list[Part]:
    return ["Can't update ", bold(_store(facts)), f": {_why(facts)}."]


def _unreachable(facts: Facts, _: int) -> list[Part]:
    since = moment(facts.get("since"))
    return [bold(_store(facts)), " hasn't answered", *([" since ", date(since)] if since else [])]


def _refused(facts: Facts, _: int) -> list[Part]:
    return [bold(_store(facts)), f" refuses a request of Tipo: {_why(facts)}."]


def _updates_failing(facts: Facts, _: int) -> list[Part]:
    since = moment(facts.get("since"))
    start = [" since ", date(since)] if since else []
    return ["Can't update ", bold(_store(facts)), *start, f": {_why(facts)}."]


def _webhooks_gone(facts: Facts, _: int) -> list[Part]:
    lost, refused = (clean(facts[each], 200) if facts.get(each) else "" for each in FINAL_REASONS)
    if refused:
        return [bold(_store(facts)), f" doesn't let Tipo subscribe to its webhooks: {refused}."]
    gone = f"webhook subscriptions were removed: {lost}" if lost else "all webhooks were removed"
    return ["In ", bold(_store(facts)), f" {gone}."]


FINAL_REASONS = ("lost", "refused")


def _webhooks_missed(facts: Facts, _: int) -> list[Part]:
    levels = facts.get("levels")
    many = counted(levels, "change") if isinstance(levels, int) else "Changes"
    return [f"{many} in ", bold(_store(facts)), " came without a webhook."]


def _closed(facts: Facts, n: int) -> list[Part]:
    if n > 1:
        return [f"{counted(n, 'shared location')} in ", bold(_store(facts)), " were closed."]
    place = clean(facts.get("place") or "another store", 60)
    return [
        bold(_store(facts)),
        " closed ",
        title(facts.get("location") or "a location"),
        f", part of the shared location {place}.",
    ]


def _location_refused(facts: Facts, n: int) -> list[Part]:
    where = counted(n, "location") if n > 1 else clean(facts.get("place") or "a location", 60)
    return [bold(_store(facts)), f" doesn't let Tipo read {where}: {_why(facts)}."]


def _conflict(facts: Facts, n: int) -> list[Part]:
    if n > 1:
        return [f"{counted(n, 'product')} match several synced products each; none was merged."]
    return [
        title(facts.get("title") or "A product"),
        " matches several synced products; none was merged.",
    ]


def _product_unread(facts: Facts, n: int) -> list[Part]:
    if n > 1:
        return [f"{counted(n, 'product')} in ", bold(_store(facts)), " can't be read."]
    name = title(facts.get("title") or "A product")
    return [name, f" in {_store(facts)} can't be read: {_why(facts)}."]


def _stock_unread(facts: Facts, _: int) -> list[Part]:
    name = title(facts["title"]) if facts.get("title") else "several products"
    where = f"{clean(facts.get('place') or 'a location', 60)} in {_store(facts)}"
    return ["The stock of ", name, f" at {where} can't be read: {_why(facts)}."]


def _renamed(facts: Facts, n: int) -> list[Part]:
    if n > 1:
        return [f"{counted(n, 'product')} have a new handle in ", bold(_store(facts)), "."]
    was, name = clean(facts.get("was") or "?", 80), clean(facts.get("is") or "?", 80)
    return [
        title(facts.get("title") or "A product"),
        f" has a new handle in {_store(facts)}: {was} is now {name}.",
    ]


def _suspended(facts: Facts, n: int) -> list[Part]:
    if n > 1:
        return [f"{counted(n, 'product')} in ", bold(_store(facts)), " aren't being synced."]
    return [
        title(facts.get("title") or "A product"),
        f" in {_store(facts)} isn't being synced: {_why(facts)}.",
    ]


def _differs(facts: Facts, n: int) -> list[Part]:
    if n > 1:
        return [f"{counted(n, 'product')} in ", bold(_store(facts)), " don't match."]
    return [title(facts.get("title") or "A product"), f" in {_store(facts)} doesn't match."]


def _books(facts: Facts, _: int) -> list[Part]:
    name = title(facts.get("title") or "A product")
    return ["The numbers of ", name, f" don't add up: {_why(facts)}."]


def _oversold(facts: Facts, _: int) -> list[Part]:
    return oversold_headline(facts)


def _presold(facts: Facts, _: int) -> list[Part]:
    units = facts.get("units")
    many = number(units) if isinstance(units, int) else "Some"
    return [f"{many} pre-sold: ", title(facts.get("title") or "a product"), "."]


def _breaker(facts: Facts, _: int) -> list[Part]:
    return breaker_headline(facts)


def _contested(facts: Facts, _: int) -> list[Part]:
    return contest_headline(facts)


def _dead_worker(facts: Facts, _: int) -> list[Part]:
    name = clean(facts.get("worker") or facts.get("name") or "A part of Tipo", 60)
    return [f"A part of Tipo keeps failing: {name} ({_why(facts)})."]


def _role_missing(facts: Facts, _: int) -> list[Part]:
    role = clean(facts.get("role") or "part of Tipo", 60)
    means = MEANWHILE.get(ProcessRole(role)) if role in set(ProcessRole) else ""
    return [f"No {role} has been running for 5 minutes", f": {means}." if means else "."]


def _clock_step(facts: Facts, _: int) -> list[Part]:
    given = facts.get("seconds")
    seconds = given if isinstance(given, int) else 0
    whose = "the database server" if facts.get("of_database") else "the machine that runs Tipo"
    way = "forward" if seconds > 0 else "back"
    return [f"The clock of {whose} was set {way} by ", bold(_span(abs(seconds))), "."]


def _span(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit or seconds == unit:
            return counted(round(seconds / unit), name)
    return counted(seconds, "second")


def _quarantined(facts: Facts, _: int) -> list[Part]:
    count = facts.get("count")
    many = counted(count if isinstance(count, int) else 1, "webhook")
    topic = clean(facts.get("topic") or "", 60)
    kind = f" ({topic})" if topic else ""
    return [f"{many} from ", bold(_store(facts)), f" couldn't be processed{kind}: {_why(facts)}."]


def _paused(facts: Facts, _: int) -> list[Part]:
    by = paused_by(f"{facts.get('by') or facts.get('why') or 'somebody'}")
    return ["Writing is paused (", *by, "). Sales are still counted."]


def _mode(facts: Facts, _: int) -> list[Part]:
    stores = f"{facts.get('stores') or facts.get('store') or ''}".split(", ")
    alias = ", ".join(map(store_name, stores)) if stores[0] else "Every destination"
    by = f" (set by {clean(facts['by'], 80)})" if facts.get("by") else ""
    verb = "are" if len(stores) > 1 else "is"
    how = " in shadow mode: nothing is written" if facts.get("shadow") else ""
    over = " Shadow mode is over." if facts.get("shadow") is False else ""
    now = f"{clean(facts.get('mode') or 'in another mode', 20)}{how}"
    return [bold(clean(alias, 200)), f" {verb} now {now}{by}.{over}"]


def _export_odd(facts: Facts, _: int) -> list[Part]:
    listed, known = facts.get("exported"), facts.get("known")
    if not isinstance(listed, int) or not isinstance(known, int):
        return [
            "The export of ",
            bold(_store(facts)),
            f" can't be right: {_why(facts, 'too little')}.",
        ]
    many = f"{counted(listed, 'variant')} where Tipo knows {number(known)}"
    return ["The export of ", bold(_store(facts)), f" can't be right: {many}."]


CHANGES_QUEUED = "Changes are queued; none are lost. The other stores are still updated."
INCIDENT_TEXTS = {
    "store_blocked": IncidentText(
        headline=_store_blocked,
        did=CHANGES_QUEUED,
        can="Run tipo doctor: it says which token or scope is missing.",
    ),
    "unreachable": IncidentText(
        headline=_unreachable,
        did=CHANGES_QUEUED,
        can="Nothing, unless Shopify reports no problem: then check this server's network.",
    ),
    "updates_failing": IncidentText(
        headline=_updates_failing,
        did="Tipo tries again every minute; changes are queued and none are lost.",
        can="Nothing, unless it lasts for hours: then ask Shopify's support.",
    ),
    "request_refused": IncidentText(
        headline=_refused,
        did="Tipo tries again, at least every hour. Everything else is still synced.",
        can="Run tipo doctor: it lists the scopes that the app needs.",
    ),
    "webhooks_gone": IncidentText(
        headline=_webhooks_gone,
        did="Tipo subscribes again and reads what was missed.",
        can="Check whether another app or person removes them.",
    ),
    "webhooks_missed": IncidentText(
        headline=_webhooks_missed,
        did="Tipo found these changes by itself: they were only late.",
        can="Check that Shopify can reach TIPO_PUBLIC_URL; tipo doctor tests it.",
    ),
    "location_closed": IncidentText(
        headline=_closed,
        did="Its stock isn't synced any more. The other stores are still updated.",
        can="Open it again, or remove it from the shared location: /tipo locations.",
    ),
    "location_refused": IncidentText(
        headline=_location_refused,
        did="Tipo tries again. Other locations are still synced.",
        can="Give the app access to that location.",
    ),
    "conflict": IncidentText(
        headline=_conflict,
        did="Tipo keeps syncing each as before, and writes nothing for the new match.",
        can="Make handles (or SKUs) unique: /tipo unmatched.",
    ),
    "product_unread": IncidentText(
        headline=_product_unread,
        did="If it was synced before, it still is. Tipo tries again, at least every hour.",
        can="If its options, SKU or barcode have changed: save it again in Shopify.",
    ),
    "stock_unread": IncidentText(
        headline=_stock_unread,
        did="Everything else is synced. Tipo tries again, at least every hour.",
        can="Check in Shopify that it opens and is still stocked at this location.",
    ),
    "renamed": IncidentText(headline=_renamed, did="It is still synced.", can="Nothing."),
    "suspended": IncidentText(
        headline=_suspended,
        did="The other stores are still updated. Syncing resumes by itself once the cause is gone.",
        can="Fix it in Shopify; no action needed if intended.",
    ),
    "differs": IncidentText(
        headline=_differs,
        did="Nothing is written for them until somebody decides.",
        can="Decide which number is right: /tipo drift.",
    ),
    "books": IncidentText(
        headline=_books,
        did="Tipo stopped updating it in every store; all other products are still synced. Sales "
        "are counted once syncing resumes.",
        can="Choose the right number: /tipo drift. If somebody changed the database, undo that: "
        "syncing then resumes by itself. tipo audit shows all numbers.",
    ),
    "oversold": IncidentText(
        headline=_oversold,
        did="Tipo sets every store to the same number as soon as the store can be updated.",
        can="Restock it, or cancel one of the orders.",
    ),
    "presold": IncidentText(
        headline=_presold,
        did="Nothing: every store below zero keeps selling this product when out of stock.",
        can="Nothing if these are pre-orders; otherwise turn that off in Shopify.",
    ),
    "circuit_breaker": IncidentText(headline=_breaker),
    "clock_step": IncidentText(
        headline=_clock_step,
        did="Tipo moved its schedule by the same amount and keeps working; no change was lost.",
        can="If someone corrected the clock: nothing. Otherwise check its time sync (NTP).",
    ),
    "contested": IncidentText(headline=_contested),
    "dead_worker": IncidentText(
        headline=_dead_worker,
        did="Tipo restarts it every 30 seconds. Everything else keeps working; nothing is lost.",
        can="Send the log's last error to the person who runs Tipo.",
    ),
    "role_missing": IncidentText(
        headline=_role_missing,
        did="Everything else keeps working. What waits for it is kept.",
        can="Start it: tipo serve --only and its name. Find out why it has ended.",
    ),
    "lease": IncidentText(
        headline=lease_headline,
        did="It writes nothing to this store, and keeps counting what happens there.",
        can="If the other one should not be there, stop it. If this one should, take over: the "
        "button below, /tipo takeover or tipo takeover. The store's present numbers then count.",
    ),
    "older_database": IncidentText(
        headline=older_headline,
        did="It writes nothing to any store. Sales since then would be applied twice.",
        can="Stop this Tipo and restore a newer backup, or stop the other one. Only if there is "
        "neither: take the stores' numbers as they are, with the button below, /tipo takeover or "
        "tipo takeover. Mismatches then wait for your decision.",
    ),
    "weak_mark": IncidentText(
        headline=weak_headline,
        did="It keeps syncing, and can notice a second Tipo only by its webhook subscriptions.",
        can="Install the app again in this store, so that it can keep metafields of its own.",
    ),
    "baseline": IncidentText(headline=baseline_headline),
    "delivery_set_aside": IncidentText(
        headline=_quarantined,
        did="Tipo kept them, and processed all others.",
        can="Update Tipo, then run tipo deliveries retry. tipo deliveries lists them.",
    ),
    "paused": IncidentText(
        headline=_paused,
        did="Pending changes are written when somebody resumes.",
        can="Type /tipo resume.",
    ),
    "mode": IncidentText(headline=_mode),
    "export_odd": IncidentText(
        headline=_export_odd,
        did="Tipo ignored this export: nothing was compared or written.",
        can="Check the store's products in Shopify, then type /tipo check.",
    ),
}


def unknown_headline(kind: str, facts: Facts) -> list[Part]:
    """Return something decent about a kind that this bot has never heard of."""
    parts: list[Part] = [f"{kind_words(kind).capitalize()}"]
    if facts.get("title"):
        parts += [": ", title(facts["title"])]
    if facts.get("store"):
        parts += [f" in {_store(facts)}"]
    return [*parts, f": {_why(facts)}." if facts.get("why") else "."]


def moment(words: object) -> datetime | None:
    """Return a moment that is kept as text, if it is one."""
    try:
        return datetime.fromisoformat(words) if isinstance(words, str) else None
    except ValueError:
        return None
