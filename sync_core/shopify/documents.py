"""Every GraphQL text that we send. Foreign texts travel in variables, never inside these."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_core.domain.values import LocationId

API_VERSION = "2026-10"
MAX_ROWS = 250  # in any array or page
MAX_QUERY_BYTES = 65_535  # of an export's query


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One operation, and what we take it to cost until a store has said it."""

    name: str
    text: str
    base_cost: float = 10.0  # points for the request as such
    row_cost: float = 0.0  # points for each row asked for
    rows: int = MAX_ROWS  # how many to ask for at first
    max_rows: int = MAX_ROWS  # how many to ask for where a store finds them cheap

    def estimate(self, rows: int) -> float:
        """Return what a request for so many rows may cost."""
        return self.base_cost + self.row_cost * rows


ADJUST = Document(
    name="Adjust",
    base_cost=13.0,
    text="""\
mutation Adjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id createdAt reason referenceDocumentUri app { id }
      changes { name delta quantityAfterChange item { id } location { id } } }
    userErrors { code field message }
  }
}
""",
)

CONFIRM = Document(
    name="Confirm",
    base_cost=13.0,
    text="""\
mutation Confirm($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}
""",
)

READ = Document(
    name="Read",
    base_cost=2.0,
    row_cost=7.0,
    rows=100,
    text="""\
query Read($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id tracked
      inventoryLevel(locationId: $location, includeInactive: true) {
        isActive quantities(names: ["available"]) { name quantity updatedAt }
      }
      variants(first: 1) { nodes { requiresComponents product { isGiftCard } } }
    }
  }
}
""",
)

CHANGED = Document(
    name="Changed",
    base_cost=4.0,
    row_cost=3.0,
    text="""\
query Changed($location: ID!, $query: String!, $first: Int!, $after: String) {
  location(id: $location) {
    inventoryLevels(query: $query, includeInactive: true, first: $first, after: $after) {
      nodes {
        isActive quantities(names: ["available"]) { name quantity updatedAt }
        item { id tracked }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
""",
)

VARIANT_FRAGMENT = """
fragment Sold on ProductVariant {
  id sku requiresComponents inventoryPolicy
  barcodes(first: 20) { nodes { value } }
  selectedOptions { name value }
  inventoryItem { id tracked }
}
"""

VARIANTS = Document(
    name="Variants",
    base_cost=4.0,
    row_cost=7.0,
    rows=120,
    text="""\
query Variants($first: Int!, $after: String) {
  productVariants(first: $first, after: $after, sortKey: ID) {
    nodes { ...Sold product { id handle title status isGiftCard } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + VARIANT_FRAGMENT,
)

PRODUCT = Document(
    name="Product",
    base_cost=4.0,
    row_cost=6.0,
    rows=50,  # most products have few
    max_rows=50,
    text="""\
query Product($id: ID!, $first: Int!, $after: String) {
  product(id: $id) {
    id handle title status isGiftCard
    variants(first: $first, after: $after) {
      nodes { ...Sold }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + VARIANT_FRAGMENT,
)

SETUP = Document(
    name="Setup",
    base_cost=20.0,
    row_cost=1.0,
    rows=100,
    max_rows=100,
    text="""\
query Setup($first: Int!, $after: String) {
  shop { id name myshopifyDomain }
  currentAppInstallation { accessScopes { handle } }
  locations(first: $first, after: $after, includeInactive: true, includeLegacy: true, sortKey: ID) {
    nodes { id name isActive isFulfillmentService }
    pageInfo { hasNextPage endCursor }
  }
}
""",
)

SUBSCRIPTIONS = Document(
    name="Subscriptions",
    base_cost=4.0,
    row_cost=1.0,
    rows=100,
    max_rows=100,
    text="""\
query Subscriptions($first: Int!, $after: String) {
  webhookSubscriptions(first: $first, after: $after) {
    nodes { id topic uri name }
    pageInfo { hasNextPage endCursor }
  }
}
""",
)

MARK = Document(
    name="Mark",
    base_cost=2.0,
    text="""\
query Mark($namespace: String!, $key: String!) {
  currentAppInstallation { id metafield(namespace: $namespace, key: $key) { value compareDigest } }
}
""",
)

SET_MARK = Document(
    name="SetMark",
    base_cost=10.0,
    text="""\
mutation SetMark($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { value compareDigest }
    userErrors { code field message }
  }
}
""",
)

SUBSCRIBE = Document(
    name="Subscribe",
    text="""\
mutation Subscribe($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { id topic uri }
    userErrors { field message }
  }
}
""",
)

UNSUBSCRIBE = Document(
    name="Unsubscribe",
    text="""\
mutation Unsubscribe($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId
    userErrors { field message }
  }
}
""",
)

BULK_START = Document(
    name="BulkStart",
    text="""\
mutation BulkStart($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
""",
)

BULK_POLL = Document(
    name="BulkPoll",
    base_cost=1.0,
    text="""\
query BulkPoll($id: ID!) {
  bulkOperation(id: $id) {
    id status errorCode rootObjectCount fileSize url completedAt query
  }
}
""",
)

ALL_DOCUMENTS = (
    ADJUST,
    CONFIRM,
    READ,
    CHANGED,
    VARIANTS,
    PRODUCT,
    SETUP,
    SUBSCRIPTIONS,
    MARK,
    SET_MARK,
    SUBSCRIBE,
    UNSUBSCRIBE,
    BULK_START,
    BULK_POLL,
)


def export_fields(locations: Sequence[LocationId]) -> str:
    """Return the fields of one line of an export; the locations are its columns, in order.

    The query of an export takes no variables. Nothing but whole numbers gets into its text.
    Barcodes are not among them: a bulk operation exports no connection whose nodes have no id.

    Raises:
        ValueError: A location is no such number, is named twice, or there are too many.
    """
    if len(set(locations)) < len(locations):
        raise ValueError("a location is named twice")
    for each in locations:
        if type(each) is not int or not 0 < each < 2**63:
            raise ValueError("a location is a whole number above zero")
    columns = "".join(
        f'\n    l{column}: inventoryLevel(locationId: "gid://shopify/Location/{number:d}", '
        "includeInactive: true) "
        '{ isActive quantities(names: ["available"]) { quantity updatedAt } }'
        for column, number in enumerate(locations)
    )
    text = (
        "id sku requiresComponents inventoryPolicy\n"
        "  product { id handle title status isGiftCard }\n"
        "  selectedOptions { name value }\n"
        f"  inventoryItem {{ id tracked{columns} }}"
    )
    if len(text) > MAX_QUERY_BYTES - len(_EXPORT_FRAME):
        raise ValueError(f"a store exports no more locations at once than {len(locations) - 1}")
    return text


_EXPORT_FRAME = "{ productVariants { edges { node {  } } } }"


def export_query(locations: Sequence[LocationId]) -> str:
    """Return the query of an export. It has one connection: one line is one variant."""
    return f"{{ productVariants {{ edges {{ node {{ {export_fields(locations)} }} }} }} }}"


def export_page(locations: Sequence[LocationId]) -> Document:
    """Return what asks for the same lines, a page at a time."""
    name = f"ExportPage{len(locations)}"  # each has a price of its own
    return Document(
        name=name,
        base_cost=4.0,
        row_cost=5.0 + 3.0 * len(locations),
        rows=max(1, min(100, 700 // (5 + 3 * len(locations)))),
        text=f"""\
query {name}($first: Int!, $after: String, $query: String) {{
  productVariants(first: $first, after: $after, query: $query, sortKey: ID) {{
    nodes {{ {export_fields(locations)} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
""",
    )


def quote_term(text: str) -> str:
    """Return a text as one term of Shopify's search language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def changed_since(time: datetime) -> str:
    """Return the search for what changed at that time or later."""
    stamp = time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    return f"updated_at:>={quote_term(stamp + 'Z')}"


# Enum words with an underscore that a topic keeps after its slash.
_IRREGULAR_TOPICS = {
    "APP_SCOPES_UPDATE": "app/scopes_update",
    "ORDERS_PARTIALLY_FULFILLED": "orders/partially_fulfilled",
}


def topic_enum(topic: str) -> str:
    """Return inventory_levels/update as INVENTORY_LEVELS_UPDATE."""
    return topic.replace("/", "_").upper()


def topic_name(enum: str) -> str:
    """Return INVENTORY_LEVELS_UPDATE as inventory_levels/update."""
    return _IRREGULAR_TOPICS.get(enum) or "/".join(enum.lower().rsplit("_", 1))
