"""What `tipo doctor` checks: one function for each thing that has to be right."""

import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Engine, func, select, text

from sync_core.cli.output import format_time
from sync_core.clock import Clock
from sync_core.db.tables import VARIANT
from sync_core.domain.checks import Check, fail, ok, warn
from sync_core.domain.leases import (
    INSTANCE_CHARS,
    LeaseClaim,
    LeaseMark,
    LeaseState,
    LeaseView,
    RecordedLease,
    claim_of,
)
from sync_core.domain.shadow import WRITE_SCOPE
from sync_core.domain.values import Alias
from sync_core.errors import AccessLost, NotPermitted, StoreError, WrongShop, cut
from sync_core.ports import ShopFacts, Store, StoreState
from sync_core.settings import Settings, StoreSettings
from sync_core.shopify.documents import API_VERSION
from sync_core.shopify.webhooks import ORDER_SCOPE, topics
from sync_core.workers.store_upkeep import WEBHOOK_PATH

REQUIRED_SCOPES = ("read_products", "read_inventory", WRITE_SCOPE, "read_locations")
EXPORT_BYTES_PER_VARIANT = 1100  # of a store's export, for each of its variants
MAX_CLOCK_SKEW_SECONDS = 5.0  # seconds that two clocks may differ
LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}

MappedLocations = set[tuple[Alias, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the database knows, if there is one."""

    states: Mapping[Alias, StoreState] = field(default_factory=dict)
    mapped: MappedLocations | None = None
    in_shadow: bool = False  # nothing is written


LeaseReader = Callable[[Alias], Awaitable[tuple[LeaseView, RecordedLease]]]
"""Returns what our database knows of who writes to a store."""


def check_public_url(settings: Settings) -> Iterator[Check]:
    """Check where stores reach us."""
    url = settings.public_url
    if url is None:
        says = "no TIPO_PUBLIC_URL: stores are polled every 5 s, without webhooks"
        yield warn("webhooks", says, "set it to the https address of this server")
    elif url.startswith("https://"):
        yield ok("webhooks", f"stores reach Tipo at {url}{WEBHOOK_PATH}")
    elif urlsplit(url).hostname in LOOPBACK_HOSTS:
        yield warn("webhooks", f"{url} is this machine: only the sandbox reaches it", "use https")
    else:
        yield fail("webhooks", f"{url} is not https: Shopify sends nothing there", "use https")


def check_durability(engine: Engine) -> Check:
    """Check that what the database has committed survives a power cut."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            journal = connection.execute(text("PRAGMA journal_mode")).scalar_one()
            level = connection.execute(text("PRAGMA synchronous")).scalar_one()
            safe = journal == "wal" and level >= 2  # noqa: PLR2004 - FULL
            found = f"journal {journal}, synchronous {level}"
        else:
            commit = connection.execute(text("SHOW synchronous_commit")).scalar_one()
            fsync = connection.execute(text("SHOW fsync")).scalar_one()
            safe = commit != "off" and fsync == "on"
            found = f"synchronous_commit {commit}, fsync {fsync}"
    if safe:
        return ok("database", f"commits are durable ({found})")
    return fail("database", f"commits are not durable ({found})", "use a local disk; turn fsync on")


def check_disk_space(
    engine: Engine, folder: Path, *, bytes_per_variant: int = EXPORT_BYTES_PER_VARIANT
) -> Check:
    """Check that the exports of all stores fit into the folder where they are compared."""
    with engine.connect() as connection:
        variants = connection.execute(select(func.count()).select_from(VARIANT)).scalar_one()
    needed = variants * bytes_per_variant
    try:
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        why = f"{folder} cannot be used: {exc.strerror}"
        return fail("nightly", why, "set TMPDIR to a folder that is there")
    found = f"exports need about {_format_size(needed)} in {folder}, {_format_size(free)} are free"
    if free < needed:
        return warn("nightly", found, "make room there, or set TMPDIR to another folder")
    return ok("nightly", found)


def _format_size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"  # noqa: PLR2004


async def check_store(
    shop: Store,
    settings: Settings,
    known: Known,
    *,
    clock: Clock,
    read_lease: LeaseReader | None,
) -> list[Check]:
    """Check one store, from the token on; without `read_lease` not who writes to it."""
    alias = shop.alias
    own_settings, state = settings.stores[alias], known.states.get(alias)
    try:
        facts = await shop.facts()
    except AccessLost as exc:
        return [
            fail(
                alias,
                f"Shopify rejected the token: {cut(str(exc))}",
                _token_advice(alias, own_settings),
            )
        ]
    except (StoreError, WrongShop) as exc:
        then = f"check TIPO_STORES__{alias.upper()}__DOMAIN and the network"
        return [fail(alias, f"{own_settings.base_url} isn't answering: {cut(str(exc))}", then)]
    now = clock.now()
    return [
        ok(alias, f"token accepted by {cut(facts.name)}"),
        _check_identity(alias, own_settings, facts, state),
        *_check_scopes(alias, facts.scopes, in_shadow=known.in_shadow),
        *_check_locations(alias, facts, known.mapped),
        *_check_version(alias, facts.api_version),
        *_check_clock(alias, facts.time, now),
        *await _check_webhooks(shop, settings, facts.scopes),
        *_check_blocked(alias, state),
        *([] if read_lease is None else [await _check_lease(shop, read_lease)]),
    ]


def _token_advice(alias: Alias, settings: StoreSettings) -> str:
    head = f"TIPO_STORES__{alias.upper()}__"
    if settings.access_token is not None:
        return f"install the app again and renew {head}ACCESS_TOKEN"
    where = "in the Dev Dashboard under Settings → Credentials"
    return (
        f"compare {head}CLIENT_ID and {head}CLIENT_SECRET with those {where}; the app must be "
        "installed (Home → Install app), in a store of the same organization"
    )


def _check_identity(
    alias: Alias, settings: StoreSettings, facts: ShopFacts, state: StoreState | None
) -> Check:
    then = f"correct TIPO_STORES__{alias.upper()}__DOMAIN or its token"
    if facts.domain.lower() != settings.domain:
        says = f"{cut(facts.domain)} answers, not {settings.domain}"
        return fail(alias, says, then)
    if state is not None and state.shop_id not in {None, facts.shop_id}:
        return fail(alias, f"{settings.domain} isn't the shop in the database", then)
    return ok(alias, f"it is {settings.domain}")


def _check_scopes(alias: Alias, scopes: Iterable[str], *, in_shadow: bool) -> Iterator[Check]:
    # Shopify does not list the read scope beside the write scope that includes it.
    granted = {*scopes, *(each.replace("write_", "read_") for each in scopes)}
    missing = [each for each in REQUIRED_SCOPES if each not in granted]
    then = "add them in the Dev Dashboard under Versions → Select scopes, Release, install again"
    if in_shadow and missing == [WRITE_SCOPE]:
        says = f"no {WRITE_SCOPE}: enough for shadow mode"
        yield warn(alias, says, f"before you go live, {then}")
    elif missing:
        if WRITE_SCOPE in missing:
            then += f"; without {WRITE_SCOPE} only `tipo mode two-way --shadow` is possible"
        yield fail(alias, f"scopes are missing: {', '.join(missing)}", then)
    else:
        yield ok(alias, f"scopes: {', '.join(REQUIRED_SCOPES)}")
    if ORDER_SCOPE not in granted:
        then = f"add {ORDER_SCOPE} if you want order numbers in `tipo history`"
        yield warn(alias, f"no {ORDER_SCOPE}: the history cannot name orders", then)


def _check_locations(
    alias: Alias, facts: ShopFacts, mapped: MappedLocations | None
) -> Iterator[Check]:
    usable = [each for each in facts.locations if each.active and each.owned]
    if not usable:
        yield fail(alias, "no open location of its own", "open one in the store's settings")
        return
    if mapped is None:
        yield ok(alias, f"{_count_open(len(usable))}; `tipo serve` shares them if they match")
        return
    outside = [cut(each.name) for each in usable if (alias, each.id) not in mapped]
    if len(outside) == len(usable):
        then = "start `tipo serve`, then see `tipo locations`"
        yield warn(alias, f"no location is shared: {', '.join(outside)}", then)
    elif outside:
        says = f"these locations aren't shared: {', '.join(outside)}"
        yield warn(alias, says, "see `tipo locations`")
    else:
        yield ok(alias, f"{_count_open(len(usable))}, all shared")


def _count_open(count: int) -> str:
    return "1 open location" if count == 1 else f"{count} open locations"


def _check_version(alias: Alias, answered: str) -> Iterator[Check]:
    if answered in {"", API_VERSION}:
        yield ok(alias, f"API version {API_VERSION}")
    else:
        says = f"API version {cut(answered)} answered instead of {API_VERSION}"
        yield warn(alias, says, "upgrade Tipo: the version that it knows has expired")


def _check_clock(alias: Alias, theirs: datetime | None, now: datetime) -> Iterator[Check]:
    if theirs is None:
        return
    skew = (theirs - now).total_seconds()
    if abs(skew) > MAX_CLOCK_SKEW_SECONDS:
        says = f"its clock and this one differ by {skew:+.0f} s"
        yield warn(alias, says, "set this machine's clock by NTP")
    else:
        yield ok(alias, "its clock matches this one")


async def _check_webhooks(shop: Store, settings: Settings, scopes: Iterable[str]) -> list[Check]:
    """Check that the store sends us what we need, and that we can tell it is the store."""
    alias = shop.alias
    if settings.public_url is None:
        return []
    found = []
    if settings.stores[alias].secrets:
        found.append(ok(alias, "webhook secret present"))
    else:
        then = f"set TIPO_STORES__{alias.upper()}__WEBHOOK_SECRETS to the app's client secret"
        found.append(fail(alias, "no webhook secret: all webhooks are rejected", then))
    try:
        ours = settings.public_url + WEBHOOK_PATH
        granted = {each.topic for each in await shop.subscriptions() if each.uri == ours}
    except StoreError as exc:
        then = "try again later"
        return [*found, warn(alias, f"subscriptions cannot be read: {cut(str(exc))}", then)]
    missing = [each for each in topics(scopes) if each not in granted]
    if missing:
        then = "`tipo serve` subscribes when it starts, and checks again every hour"
        found.append(warn(alias, f"not subscribed to {', '.join(missing)}", then))
    else:
        found.append(ok(alias, f"subscribed to {len(granted)} topics"))
    return found


async def _check_lease(shop: Store, read_lease: LeaseReader) -> Check:
    """Check who writes to the store: what it holds now, against what our database knows."""
    alias = shop.alias
    try:
        found = (await shop.mark()).mark
    except NotPermitted:
        says = "it doesn't store Tipo's mark, so a backup that is copied back goes unnoticed"
        return warn(alias, says, "install the app again in that store")
    except StoreError as exc:
        return warn(alias, f"its mark cannot be read: {cut(str(exc))}", "try again later")
    lease, recorded = await read_lease(alias)  # after the mark: it may have been renewed meanwhile
    return _describe_writer(alias, found, claim_of(found, recorded), lease)


def _describe_writer(
    alias: Alias, found: LeaseMark | None, claim: LeaseClaim, lease: LeaseView
) -> Check:
    if lease.state is LeaseState.TAKING_OVER:
        return warn(alias, f"{lease.writer} it", "it is done in a minute or two; run this again")
    if lease.state is LeaseState.OLDER or claim is LeaseClaim.OLDER:
        says = "nothing is written: this database is older than what Tipo has done"
        return fail(alias, says, "restore a newer backup, or run `tipo takeover`")
    if found is not None and claim is LeaseClaim.FOREIGN:
        name = f"({found.instance[-INSTANCE_CHARS:]}, last seen {format_time(found.at)})"
        says = f"another Tipo {name if found.instance else 'of an unknown version'} writes to it"
        then = f"stop the other one; or start `tipo serve` here, then run `tipo takeover {alias}`"
        return fail(alias, says, then)
    if found is None or lease.since is None:
        return ok(alias, "no other Tipo writes to it")
    return ok(alias, f"this Tipo writes to it since {format_time(lease.since)}")


def _check_blocked(alias: Alias, state: StoreState | None) -> Iterator[Check]:
    if state is not None and state.blocked_since is not None:
        then = "`tipo serve` tries again every few minutes"
        yield fail(alias, f"can't be updated: {cut(state.blocked_why or '')}", then)
