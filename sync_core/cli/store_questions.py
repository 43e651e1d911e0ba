"""What `tipo init` asks about stores, and about the address at which they reach Tipo."""

import re

from sync_core.cli.doctor_checks import REQUIRED_SCOPES
from sync_core.domain.questions import Question, Step
from sync_core.settings import DOMAIN, read_address
from sync_core.shopify.webhooks import ORDER_SCOPE

ADMIN = re.compile(r"admin\.shopify\.com/store/([a-z0-9-]+)")
ALIAS = re.compile(r"[a-z][a-z0-9-]{0,30}")
APP = (
    "Make an app for this store at https://dev.shopify.com/dashboard (the Dev Dashboard), in the",
    "organization that the store belongs to:",
    "  1. Apps → Create app → Start from Dev Dashboard: name it Tipo, Create.",
    "  2. Versions → Access → Select scopes:",
    f"     {','.join((*REQUIRED_SCOPES, ORDER_SCOPE))}",
    "     Then Release.",
    "  3. Home → Install app: choose the store, Install.",
    "  4. Settings → Credentials has the Client ID and the Secret.",
)


def read_public_url(text: str) -> str:
    """Return an https address.

    Raises:
        ValueError: If it is none.
    """
    if not text.strip().startswith("https://"):
        raise ValueError("must begin with https://; Shopify and Slack send to no other address")
    return read_address(text.strip())


PUBLIC = Step(
    name="public_url",
    title="Public address",
    says=(
        "The https address at which Shopify and Slack reach this server, by a reverse proxy that",
        "passes POST /webhooks/shopify and /slack/events to it. Without one, stores are asked for",
        "changes every 5 seconds, and Slack is reached by Socket Mode: fine to begin with.",
    ),
    questions=(
        Question(
            setting="public_url",
            asks="Address, such as https://tipo.example.com",
            reads=read_public_url,
            blank="none",
            needed=False,
        ),
    ),
)


def store_step(alias: str, role: str) -> Step:
    """Return what is asked about one store."""
    head = f"stores.{alias}"
    asked = (
        Question(
            setting=f"{head}.domain",
            asks=f"Domain, such as urbanwear-{alias}.myshopify.com",
            reads=read_domain,
        ),
        Question(
            setting=f"{head}.client_id",
            asks="Client ID",
            blank="an older custom app, which has a permanent token",
            unless=f"{head}.access_token",
            needed=False,
        ),
        Question(
            setting=f"{head}.access_token",
            asks="Admin API access token of the older custom app (shpat_…)",
            unless=f"{head}.client_id",
        ),
        Question(
            setting=f"{head}.client_secret", asks="Client secret", unless=f"{head}.access_token"
        ),
        Question(
            setting=f"{head}.webhook_secrets",
            asks="API secret key of that app, which signs webhooks",
            reads=lambda text: [text.strip()],
            blank="no webhooks",
            unless=f"{head}.client_id",
            needed=False,
        ),
    )
    return Step(name=alias, title=f"Store {alias}, the {role}", says=APP, questions=asked)


def read_domain(text: str) -> str:
    """Return the domain of a store, given that, its name, or its page in Shopify's admin.

    Raises:
        ValueError: If it is none of these.
    """
    plain = re.sub(r"^https?://", "", text.strip().lower())
    admin = ADMIN.match(plain)
    name = admin[1] if admin else plain.partition("/")[0].removesuffix(".myshopify.com")
    domain = f"{name}.myshopify.com"
    if not DOMAIN.fullmatch(domain):
        raise ValueError(
            "write the domain that ends in .myshopify.com: Shopify admin → Settings → Domains"
        )
    return domain


def read_alias(text: str) -> str:
    """Return the alias of a store.

    Raises:
        ValueError: If it can't be one.
    """
    alias = text.strip().lower()
    if not ALIAS.fullmatch(alias):
        raise ValueError("take a short word of letters and digits, such as eu")
    return alias
