"""Sample shops for the demo: they sell the same clothes, fifty of each to begin with."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import product
from random import Random

from sandbox.access import DEFAULT_SCOPES
from sandbox.models import NewVariant
from sandbox.shop import Shop

JACKET = "slim-fit-denim-jacket"
INITIAL_QUANTITY = 50
FIRST_ORDER_NUMBER = 1042  # of the first store; each of the others begins 1000 further on
SCOPES = (*DEFAULT_SCOPES, "read_orders")  # all that docs/set-up.md says to give
SIZES = ("S", "M", "L")
CUTS = ("Relaxed Fit", "Slim Fit", "Cropped", "Oversized", "Classic")
CLOTHES = (
    "Linen Shirt",
    "Chino Trousers",
    "Merino Jumper",
    "Cotton T-Shirt",
    "Wool Overcoat",
    "Corduroy Skirt",
    "Hooded Sweatshirt",
    "Jersey Dress",
    "Quilted Vest",
    "Cargo Shorts",
    "Rain Parka",
    "Flannel Pyjamas",
)
LOCATIONS = {
    "eu": ("Berlin warehouse", "Europe/Berlin"),
    "us": ("New Jersey warehouse", "America/New_York"),
    "uk": ("Manchester warehouse", "Europe/London"),
}


def titles(count: int) -> list[str]:
    """Return the titles of some products, the jacket first; all different."""
    others = [f"{cut} {thing}" for cut, thing in product(CUTS, CLOTHES)]
    rounds = (count - 1) // len(others) + 1
    numbered = [f"{name} {n}" if n > 1 else name for n in range(1, rounds + 1) for name in others]
    return ["Slim Fit Denim Jacket", *numbered][:count]


def build_shops(
    now: Callable[[], datetime],
    *,
    seed: int = 1,
    aliases: Sequence[str] = ("eu", "us"),
    products: int = 20,
    base_url: str | None = None,
) -> dict[str, Shop]:
    """Return shops by alias; with a base URL they live behind `{base_url}/{alias}`."""
    return {
        alias: _build_shop(alias, index, now, seed, products, base_url)
        for index, alias in enumerate(aliases)
    }


def _build_shop(
    alias: str,
    index: int,
    now: Callable[[], datetime],
    seed: int,
    products: int,
    base_url: str | None,
) -> Shop:
    location, timezone = LOCATIONS.get(alias, (f"{alias.upper()} warehouse", "UTC"))
    shop = Shop(
        f"urbanwear-{alias}.myshopify.com",
        now=now,
        rng=Random(f"{seed}/{alias}"),
        name=f"Urbanwear {alias.upper()}",
        timezone=timezone,
        client_id=f"sandbox-{alias}",
        client_secret=f"sandbox-secret-{alias}",
        access_token=f"shpat_sandbox_{alias}",
        scopes=SCOPES,
        files_url=base_url and f"{base_url}/{alias}",
        allow_http=base_url is not None,
        id_offset=index * 100_000,  # ids of different stores never coincide
        shop_id=index + 1,
    )
    shop.next_order_number = FIRST_ORDER_NUMBER + index * 1000  # a number names one order, not two
    shop.add_location(location)
    for title in titles(products):
        _add(shop, title)
    return shop


def _add(shop: Shop, title: str) -> None:
    handle = title.lower().replace(" ", "-")
    code = "".join(word[0] for word in title.split()).upper()
    if handle != JACKET:
        code += str(len(shop.products))  # two titles may have the same letters
    sizes = [NewVariant({"Size": x}, sku=f"{code}-{x}", quantity=INITIAL_QUANTITY) for x in SIZES]
    shop.add_product(title, handle, sizes)


def environment(shops: dict[str, Shop], base_url: str) -> dict[str, str]:
    """Return the environment variables with which Tipo finds these shops."""
    found = {}
    for index, (alias, shop) in enumerate(shops.items()):
        head = f"TIPO_STORES__{alias.upper()}__"
        found[f"{head}DOMAIN"] = shop.domain
        found[f"{head}ROLE"] = "destination" if index else "source"
        found[f"{head}CLIENT_ID"] = shop.access.client_id
        found[f"{head}CLIENT_SECRET"] = shop.access.client_secret
        found[f"{head}API_URL"] = f"{base_url}/{alias}"
    return found
