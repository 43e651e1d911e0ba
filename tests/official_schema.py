"""Shopify's own schema of the Admin API 2026-10, where its file lies beside the repository."""

from functools import lru_cache
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    visit,
)

FILE = Path(__file__).parents[2] / "shared" / "shopify" / "admin-2026-10.graphql"

# The file is the version's release candidate. This came after it, and is in the version:
# https://shopify.dev/changelog/product-variant-barcode-is-being-replaced-by-barcodes
SINCE = """
extend type ProductVariant {
  barcodes(
    after: String, before: String, first: Int, last: Int, reverse: Boolean
  ): ProductVariantBarcodeConnection!
}
type ProductVariantBarcode { type: BarcodeType value: String! }
type ProductVariantBarcodeConnection {
  edges: [ProductVariantBarcodeEdge!]!
  nodes: [ProductVariantBarcode!]!
  pageInfo: PageInfo!
}
type ProductVariantBarcodeEdge { cursor: String! node: ProductVariantBarcode! }
enum BarcodeType { ASIN EAN GTIN ISBN UPC }
"""
REPLACED = '  barcode: String @deprecated(reason: "Use `barcodes` instead.")\n'


@lru_cache(maxsize=1)
def official() -> GraphQLSchema:
    """Return the schema, or skip the test."""
    if not FILE.exists():
        pytest.skip("Shopify's schema file is not beside the repository")
    text = FILE.read_text(encoding="utf-8")
    if "ProductVariantBarcode" not in text:
        text = text.replace("  barcode: String\n", REPLACED) + SINCE
    return build_schema(text)


def deprecated(schema: GraphQLSchema, document: DocumentNode) -> list[str]:
    """Return the deprecated fields, arguments and enum values that a document uses."""
    seen = TypeInfo(schema)
    found = _Deprecated(seen)
    visit(document, TypeInfoVisitor(seen, found))
    return found.names


class _Deprecated(Visitor):
    """Notes what is deprecated as it passes by."""

    def __init__(self, seen: TypeInfo) -> None:
        super().__init__()
        self._seen = seen
        self.names: list[str] = []

    def enter_field(self, node, *_):
        self._note(node.name.value, self._seen.get_field_def())

    def enter_argument(self, node, *_):
        self._note(node.name.value, self._seen.get_argument())

    def enter_enum_value(self, node, *_):
        self._note(node.value, self._seen.get_enum_value())

    def _note(self, name, definition):
        if definition is not None and definition.deprecation_reason is not None:
            self.names.append(name)
