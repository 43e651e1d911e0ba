"""Where things are in a store's own admin, so that people get there by one click."""

ADMIN = "https://admin.shopify.com/store"


def store_page(domain: str) -> str:
    """Return the address of a store's admin; empty for what is no domain of Shopify's."""
    handle = domain.removesuffix(".myshopify.com")
    return f"{ADMIN}/{handle}" if handle and handle != domain else ""


def product_page(domain: str, product: int) -> str:
    """Return the address of a product's page."""
    return _page(domain, "products", product)


def order_page(domain: str, order: int) -> str:
    """Return the address of an order's page."""
    return _page(domain, "orders", order)


def _page(domain: str, kind: str, number: int) -> str:
    store = store_page(domain)
    return f"{store}/{kind}/{number}" if store and number > 0 else ""
