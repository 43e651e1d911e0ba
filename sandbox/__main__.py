"""`python -m sandbox --port 4100 --stores eu,us --products 20`: stores to play with."""

import argparse
import sys
from datetime import UTC, datetime

import uvicorn

from sandbox.sample_shops import build_shops, environment
from sandbox.server import build_app


def wall_clock() -> datetime:
    """Return the time; here alone the sandbox asks the machine for it."""
    return datetime.now(UTC)  # noqa: TID251  everything else takes it as an argument


def main() -> None:
    """Print the settings for Tipo, then serve until interrupted."""
    reader = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    reader.add_argument("--host", default="127.0.0.1")
    reader.add_argument("--port", type=int, default=4100)
    reader.add_argument("--stores", default="eu,us", help="aliases; the first is the source")
    reader.add_argument("--products", type=int, default=20)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--webhook-delay", type=float, default=0.0, help="seconds")
    chosen = reader.parse_args()
    base_url = f"http://{chosen.host}:{chosen.port}"
    shops = build_shops(
        wall_clock,
        seed=chosen.seed,
        aliases=chosen.stores.split(","),
        products=chosen.products,
        base_url=base_url,
    )
    for shop in shops.values():
        shop.webhooks.body_delay_seconds = chosen.webhook_delay
    lines = [f"{name}={value}\n" for name, value in environment(shops, base_url).items()]
    sys.stdout.write("".join(lines))
    sys.stdout.flush()
    uvicorn.run(build_app(shops), host=chosen.host, port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
