"""The small parts of the page: the status on top, and what is shown while everything starts."""

from html import escape
from urllib.parse import quote

from sandbox.playground.snapshot import PlaygroundSnapshot

STARTING = "Starting two stores, a Slack workspace and Tipo\u2026"


def quoted(text: str) -> str:
    """Return steps as they stand in an address."""
    return quote(text, safe="~,+/")


def status(now: PlaygroundSnapshot) -> str:
    """Return how it stands in a line: whether the stores are in sync, and the score."""
    differing = sum(
        1
        for sku in now.world.started.quantities
        if len({shop.available(sku) for shop in now.tipo.shops.values()}) > 1
    )
    if not differing:
        pill = '<span class="pill good">In sync</span>'
    elif now.tipo.on_the_way:
        pill = '<span class="pill wait">Updating\u2026</span>'
    else:
        pill = f'<span class="pill bad">{differing} don\u2019t match</span>'
    second = ""
    if now.second is not None:
        foreign = [each.store.upper() for each in now.second if each.state.value == "foreign"]
        words = "writes nothing" if len(foreign) == len(now.tipo.shops) else "starting"
        second = f'<span class="pill wait">Second Tipo: {words}</span>'
    return (
        f'{second}{pill}<span class="tally">Units lost or invented: '
        f"Tipo <b>{now.tipo.tally.total}</b>, naive sync <b>{now.naive.tally.total}</b></span>"
        '<button type="button" data-act="restart">Start over</button>'
    )


def starting(problem: str) -> dict[str, str]:
    """Return the page's parts while there is no world to show."""
    if problem:
        words = f'<p class="empty bad">It did not start.</p><pre>{escape(problem)}</pre>'
        pill = '<span class="pill bad">Not running</span>'
    else:
        words = f'<p class="empty">{STARTING}</p>'
        pill = '<span class="pill wait">Starting\u2026</span>'
    again = '<button type="button" data-act="restart">Start over</button>'
    empty = '<p class="empty">\u2026</p>'
    names = ("store-eu", "store-us", "lanes", "equation", "raw")
    return {**dict.fromkeys(names, empty), "slack": words, "status": pill + again, "modal": ""}
