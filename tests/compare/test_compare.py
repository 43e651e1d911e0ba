"""Comparing stores' exports with our levels: the SQL says what plain Python says, and no more.

The reference below reads the same files line by line and follows the table of
`sync_core.domain.discrepancies`, with the domain's own `target_of` and `key_of`.
"""

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_core.compare import sql
from sync_core.compare.duckdb_comparer import DuckdbComparer
from sync_core.compare.export_file import ExportFile
from sync_core.domain.discrepancies import (
    Busy,
    ConnectionCount,
    Discrepancy,
    DiscrepancyKind,
    KnownLevel,
    LevelGap,
    StoreCount,
    UnknownVariant,
    VariantNames,
)
from sync_core.domain.matching import MatchBy, key_of
from sync_core.domain.quantities import target_of
from sync_core.domain.values import (
    MAX_QUANTITY,
    Alias,
    InventoryPolicy,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    LocationId,
    Mode,
    Role,
    Suspension,
    Variant,
)
from sync_core.errors import NotCompared
from sync_core.ports import Column, Question
from sync_core.workers.exporter import LEVEL_NAMES, level_lines, variant_lines

EU, US, UK = Alias("eu"), Alias("us"), Alias("uk")
STORES = (EU, US, UK)


def location(store, location_group):
    return LocationId(100 * (STORES.index(store) + 1) + location_group)


def line(item, *levels, **more):
    """Return a line of an export; levels are quantities, None or whatever is there instead."""
    given = {
        "id": f"gid://shopify/ProductVariant/{item + 7}",
        "sku": f"SKU-{item}",
        "inventoryPolicy": "DENY",
        "requiresComponents": False,
        "product": {
            "id": "gid://shopify/Product/7",
            "handle": f"thing-{item}",
            "title": f"Thing / {item}",
            "status": "ACTIVE",
            "isGiftCard": False,
        },
        "selectedOptions": [{"name": "Size", "value": "M"}],
        "inventoryItem": {
            "id": f"gid://shopify/InventoryItem/{item}",
            "tracked": True,
            **{f"l{c}": level(each) for c, each in enumerate(levels)},
        },
    }
    for path, value in more.items():
        *steps, last = path.split("__")
        location_group = given
        for step in steps:
            location_group = location_group[step]
        location_group[last] = value
    return given


def level(quantity):
    if quantity is None or isinstance(quantity, dict):
        return quantity
    return {"isActive": True, "quantities": [{"quantity": quantity, "updatedAt": None}]}


def ours(number, store, item, *, pool=None, location_group=1, **more):
    """Return a level as it is dumped: met at 50, at rest."""
    given = {
        "level": number, "pool": pool or 1, "location_group": location_group, "store": store,
        "item": item, "location": location(store, location_group), "is_source": int(store == EU),
        "counts": 1, "baselined": 1, "book": 50, "buffer": 0, "pack": 1, "withheld": 0,
        "suspended": "", "busy": "", "shared": 50,
    }  # fmt: skip
    return {**given, **more}


def names_of(entry):
    return VariantNames(
        handle=entry["product"]["handle"],
        sku=entry["sku"] or "",
        policy=entry["inventoryPolicy"].lower(),
    )


def variant(store, entry):
    names = names_of(entry)
    number = int(entry["inventoryItem"]["id"].rpartition("/")[2])
    return Variant(
        store=store, variant_id=0, product_id=0, item=ItemId(number), handle=names.handle,
        title="", options=tuple((x["name"], x["value"]) for x in entry["selectedOptions"]),
        sku=names.sku, barcodes=(), tracked=True, bundle=False, gift_card=False,
        status="", policy=InventoryPolicy(names.policy),
    )  # fmt: skip


def known(store, entry, by=MatchBy.HANDLE):
    """Return what our catalogue says of a variant, as it is dumped."""
    each = variant(store, entry)
    key = key_of(each, by)
    text = "" if key is None else json.dumps(key)
    return (store, each.item, each.handle, each.sku, each.policy.value, text)


def escaped(entry):
    """Write a line as a store does."""
    return msgspec.json.encode(entry).replace(b"/", b"\\/")


class Night:
    """Files of one comparison."""

    def __init__(self, folder, exports, levels=(), catalogue=None, **more):
        self.exports, self.levels, self.folder = exports, list(levels), Path(folder)
        self.by = more.pop("by", MatchBy.HANDLE)
        self.places = more.pop("places", 1)
        self.agreeing = more.pop("agreeing", False)
        if catalogue is None:
            catalogue = [known(s, e, self.by) for s, some in exports.items() for e in some]
        self.catalogue = catalogue
        self.comparer = DuckdbComparer(self.folder, **more)
        for store, entries in exports.items():
            lines = b"".join(escaped(each) + b"\n" for each in entries)
            (self.folder / f"{store}.jsonl").write_bytes(lines)
        rows = [tuple(each[name] for name in LEVEL_NAMES) for each in self.levels]
        (self.folder / "levels.csv").write_bytes(level_lines([LEVEL_NAMES, *rows]))
        (self.folder / "variants.csv").write_bytes(variant_lines(self.catalogue))
        self.question = Question(
            source=EU,
            exports={store: self.folder / f"{store}.jsonl" for store in exports},
            columns={
                store: tuple(
                    Column(location_group=p + 1, location=location(store, p + 1))
                    for p in range(self.places)
                )
                for store in exports
            },
            levels=self.folder / "levels.csv",
            variants=self.folder / "variants.csv",
            match_by=self.by,
            agreeing=self.agreeing,
        )

    async def compare(self):
        """Return the numbers and all suspects."""
        async with self.comparer.compare(self.question) as found:
            suspects = [each async for some in found.suspects() for each in some]
            return found.tally, suspects


# The reference


def state(entry, column):
    """Return why a quantity cannot be used, and the quantity."""
    item = entry["inventoryItem"]
    there = item[f"l{column}"]
    flags = entry["requiresComponents"], entry["product"]["isGiftCard"], item["tracked"]
    ladder = (
        (flags[0], DiscrepancyKind.BUNDLE),
        (flags[1], DiscrepancyKind.GIFT_CARD),
        (flags[2] is False, DiscrepancyKind.UNTRACKED),
        (None in flags, DiscrepancyKind.UNKNOWN),
        (there is None, DiscrepancyKind.NOT_STOCKED),
        (there is not None and there["isActive"] is False, DiscrepancyKind.INACTIVE),
    )
    for holds, word in ladder:
        if holds:
            return word, None
    rows = there["quantities"] or []
    number = rows[0]["quantity"] if len(rows) == 1 else None
    if there["isActive"] is None or type(number) is not int or abs(number) > MAX_QUANTITY:
        return DiscrepancyKind.UNKNOWN, None
    return None, number


class Reference:
    """A comparison in plain Python, with everything in memory."""

    def __init__(self, night):
        self.night = night
        self.lines = {
            store: {variant(store, e).item: e for e in entries}
            for store, entries in night.exports.items()
        }
        self.suspects = [*self.level_suspects(), *self.variant_suspects()]

    def shows(self, row):
        entry = self.lines[row["store"]].get(row["item"])
        if entry is None:
            return DiscrepancyKind.MISSING, None
        return state(entry, row["location_group"] - 1)

    def compared(self):
        return [r for r in self.night.levels if r["location_group"] <= self.night.places]

    def want(self, row):
        """Return what follows from the source's number, if that is known."""
        for other in self.compared():
            if other["store"] == EU and other["pool"] == row["pool"]:
                trouble, number = self.shows(other)
                return None if trouble else should(row, number)
        return None

    def verdict(self, row):
        trouble, number = self.shows(row)
        if trouble:
            return trouble, None
        if row["baselined"]:
            target = number if row["shared"] is None else should(row, row["shared"])
            return (DiscrepancyKind.DIFFERS if {number} != {row["book"], target} else None), number
        if row["store"] == EU:
            return DiscrepancyKind.AGREES, number
        want = self.want(row)
        if want is None:
            return DiscrepancyKind.NO_SOURCE, number
        return (DiscrepancyKind.AGREES if want == number else DiscrepancyKind.DIFFERS), number

    def level_suspects(self):
        for row in self.compared():
            what, number = self.verdict(row)
            if what is None or (what is DiscrepancyKind.AGREES and not self.night.agreeing):
                continue
            if row["baselined"]:
                goal = None if row["shared"] is None else should(row, row["shared"])
            else:
                goal = None if row["store"] == EU else self.want(row)
            yield Discrepancy(
                what=what, store=row["store"], item=row["item"],
                location_group=row["location_group"],
                location=row["location"], exported=number, should_show=goal,
                known_level=KnownLevel(
                    level=row["level"], pool=row["pool"], baselined=bool(row["baselined"]),
                    counts=bool(row["counts"]), book=row["book"],
                    suspended=Suspension(row["suspended"]) if row["suspended"] else None,
                    busy=Busy(row["busy"]) if row["busy"] else None,
                ),
            )  # fmt: skip

    def alone(self):
        """Yield store, item, line and column of variants that are kept and in no pool."""
        pooled = {(row["store"], row["item"]) for row in self.night.levels}
        for store, entries in self.lines.items():
            for item, entry in entries.items():
                columns = range(self.night.places)
                there = [entry["inventoryItem"][f"l{c}"] for c in columns]
                kept = [c for c in columns if there[c] and there[c]["isActive"]]
                if kept and (store, item) not in pooled:
                    yield store, item, entry, kept[0]

    def keys(self):
        """Return the keys of variants in the exports, as far as anybody knows them."""
        catalogue = {(row[0], row[1]): row[5] for row in self.night.catalogue}
        found = {
            (store, item): catalogue[store, item]
            for store, entries in self.lines.items()
            for item, entry in entries.items()
            if (store, item) in catalogue and own(entry)
        }
        for store, item, entry, _ in self.alone():
            if own(entry) and (store, item) not in catalogue:
                found[store, item] = known(store, entry, self.night.by)[5]
        return {level_key: key for level_key, key in found.items() if key}

    def variant_suspects(self):
        keys = self.keys()
        counts = Counter((store, key) for (store, _), key in keys.items())
        twins = {key for (_, key), count in counts.items() if count > 1}
        for store, item, entry, column in self.alone():
            what = (
                DiscrepancyKind.AMBIGUOUS
                if keys.get((store, item)) in twins
                else DiscrepancyKind.NO_PARTNER
            )
            if not own(entry):
                what = (
                    DiscrepancyKind.BUNDLE
                    if entry["requiresComponents"]
                    else DiscrepancyKind.GIFT_CARD
                )
            level_key = {"location_group": column + 1, "location": location(store, column + 1)}
            yield Discrepancy(what=what, store=store, item=item, sold=sold(entry), **level_key)
        for store, item, handle, sku, policy, _ in self.night.catalogue:
            entry = self.lines.get(store, {}).get(item)
            was = VariantNames(handle=handle, sku=sku, policy=policy)
            if entry is not None and names_of(entry) != was:
                what = DiscrepancyKind.RENAMED
                yield Discrepancy(what=what, store=store, item=item, sold=sold(entry), was=was)

    def stores(self):
        for store in sorted(self.lines, key=lambda each: (each != EU, STORES.index(each))):
            entries = self.lines[store]
            states = [state(e, c) for e in entries.values() for c in range(self.night.places)]
            numbers = [number for trouble, number in states if trouble is None]
            mine = [row for row in self.night.levels if row["store"] == store]
            mapped = [row for row in mine if row["location_group"] <= self.night.places]
            items = {row[1] for row in self.night.catalogue if row[0] == store}
            yield StoreCount(
                store=store, variants=len(entries), units=sum(numbers), levels=len(numbers),
                tracked=sum(e["inventoryItem"]["tracked"] is True for e in entries.values()),
                known_variants=len(items), seen_variants=len(items & set(entries)),
                known_levels=len(mapped), seen_levels=sum(r["item"] in entries for r in mapped),
                unmapped_levels=len(mine) - len(mapped),
            )  # fmt: skip

    def link(self, store):
        sources = {row["pool"]: row for row in self.compared() if row["store"] == EU}
        theirs = [row for row in self.compared() if row["store"] == store]
        pairs = [(sources[row["pool"]], row) for row in theirs if row["pool"] in sources]
        gaps = []
        usable = 0
        for first, row in pairs:
            (trouble, number), (other, shows) = self.shows(first), self.shows(row)
            if not trouble and not other:
                usable += 1
                want = should(row, number)
                gaps.append(
                    LevelGap(
                        pool=row["pool"], level=row["level"], item=row["item"],
                        source_shows=number, shows=shows, should_show=want,
                    )
                )  # fmt: skip
        gaps = [gap for gap in gaps if gap.shows != gap.should_show]
        moves = [gap.should_show - gap.shows for gap in gaps]
        gaps.sort(key=lambda gap: (-abs(gap.should_show - gap.shows), gap.level))
        return ConnectionCount(
            store=store, pools=len(pairs), equal=usable - len(gaps), differing=len(gaps),
            unusable=len(pairs) - usable, more=sum(x for x in moves if x > 0),
            fewer=-sum(x for x in moves if x < 0), worst=tuple(gaps[:10]),
        )  # fmt: skip


def own(entry):
    return not entry["requiresComponents"] and not entry["product"]["isGiftCard"]


def sold(entry):
    return UnknownVariant(
        names=names_of(entry),
        title=entry["product"]["title"],
        options=tuple((x["name"], x["value"]) for x in entry["selectedOptions"]),
        tracked=entry["inventoryItem"]["tracked"],
        status=entry["product"]["status"],
    )


def should(row, shared):
    """Return what a level must show, by the domain."""
    level_key = LevelKey(store=row["store"], item=ItemId(row["item"]), location=LocationId(1))
    made = Level(
        id=LevelId(row["level"]), key=level_key, role=Role.SOURCE, mode=Mode.TWO_WAY,
        buffer=row["buffer"], pack=row["pack"], withheld=row["withheld"],
    )  # fmt: skip
    return target_of(made, shared)


def ordered(suspects):
    return sorted(suspects, key=repr)


async def assert_same(night):
    tally, suspects = await night.compare()
    reference = Reference(night)
    assert ordered(suspects) == ordered(reference.suspects)
    assert tally.stores == tuple(reference.stores())
    others = [each.store for each in tally.stores if each.store != EU]
    assert tally.links == tuple(reference.link(store) for store in others)
    assert tally.kinds == Counter((each.store, each.what) for each in suspects)
    return suspects


# The property

numbers = st.integers(-12, 12) | st.sampled_from([MAX_QUANTITY, -MAX_QUANTITY])
odd_levels = st.sampled_from(
    [
        None,
        {"isActive": False, "quantities": [{"quantity": 5}]},
        {"isActive": None, "quantities": [{"quantity": 5}]},
        {"isActive": True, "quantities": None},
        {"isActive": True, "quantities": []},
        {"isActive": True, "quantities": [{"quantity": 5}, {"quantity": 6}]},
        {"isActive": True, "quantities": [{"quantity": None}]},
        {"isActive": True, "quantities": [{"quantity": MAX_QUANTITY + 1}]},
        {"isActive": True, "quantities": [{"quantity": 4.5}]},
        {"isActive": True, "quantities": [{"quantity": 4.0}]},
        {"isActive": True, "quantities": [{"quantity": True}]},
        {"isActive": True, "quantities": [{"quantity": 10**30}]},
    ]
)
level_strategy = numbers | numbers | odd_levels
flags = st.sampled_from([False] * 8 + [True, None])
texts = st.sampled_from(
    [
        "a",
        "A",
        " a ",
        "ä",
        "Ä",
        "\uff41",
        "ß",
        "ss",
        "a b",
        "a  b",
        "a\tb",
        "",
        "'",
        '"',
        'a,\n"b"',
        "\U0001f9e5",
    ]
)


@st.composite
def entries(draw, base, places):
    found = []
    for item in range(base, base + draw(st.integers(0, 4))):
        given = line(item, *(draw(level_strategy) for _ in range(places)))
        given["requiresComponents"] = draw(flags)
        given["product"]["isGiftCard"] = draw(flags)
        given["product"]["handle"] = draw(texts)
        given["inventoryItem"]["tracked"] = draw(st.sampled_from([True] * 8 + [False, None]))
        given["sku"] = draw(texts | st.none())
        given["inventoryPolicy"] = draw(st.sampled_from(["DENY", "CONTINUE"]))
        given["selectedOptions"] = [
            {"name": "Size", "value": draw(texts)} for _ in range(draw(st.integers(0, 2)))
        ]
        found.append(given)
    return found


@st.composite
def nights(draw):
    places = draw(st.integers(1, 2))
    by = draw(st.sampled_from(MatchBy))
    stores = STORES[: draw(st.integers(1, 3))]
    bases = {store: 1000 * (n + 1) for n, store in enumerate(stores)}
    exports = {store: draw(entries(bases[store], places)) for store in stores}
    rows = []
    free = {
        (s, p): list(range(bases[s], bases[s] + 5)) for s in stores for p in range(1, places + 2)
    }
    for pool in range(1, draw(st.integers(0, 5)) + 1):
        location_group = draw(st.integers(1, places + 1))  # the last one is mapped no longer
        shared = draw(numbers)
        for store in stores:
            items = free[store, location_group]
            if items and draw(st.integers(0, 5)):
                item = items.pop(draw(st.integers(0, len(items) - 1)))
                baselined = draw(st.booleans())
                rows.append(
                    ours(
                        len(rows) + 1, store, item, pool=pool, location_group=location_group,
                        baselined=int(baselined),
                        counts=draw(st.integers(0, 1)), shared=shared,
                        book=draw(numbers) if baselined or draw(st.booleans()) else None,
                        buffer=draw(st.sampled_from([0, 0, 3])),
                        pack=draw(st.sampled_from([1, 1, 2, 7])),
                        withheld=draw(st.sampled_from([0, 0, 0, 4, -4])),
                        suspended=draw(st.sampled_from(["", "", *Suspension])),
                        busy=draw(st.sampled_from(["", "", *Busy])),
                    )
                )  # fmt: skip
    catalogue = []
    for store in stores:
        for entry in exports[store] + [line(bases[store] + 9)]:
            kind = draw(st.integers(0, 5))
            if kind:
                changed = {**entry, "sku": draw(texts)} if kind == 1 else entry
                catalogue.append(known(store, changed, by))
    return {
        "exports": exports, "levels": rows, "catalogue": catalogue, "places": places, "by": by,
        "agreeing": draw(st.booleans()),
    }  # fmt: skip


@settings(
    max_examples=100,  # each is a whole comparison, on disk
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(nights())
def test_the_sql_says_what_plain_python_says(given):
    """Two ways to the same table: one of them fits a million variants into memory."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(assert_same(Night(folder, **given)))
        assert not list(Path(folder).glob("compare-*")), "something was left behind"


# One by one


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.parametrize("withheld", [0, 4, -4])
@pytest.mark.parametrize("pack", [1, 2, 7])
@pytest.mark.parametrize("buffer", [0, 3])
def test_what_a_level_shows_is_the_same_in_sql(buffer, pack, withheld):
    """Packs are rounded down below zero, too: there, SQL and Python do not agree by themselves."""
    connection = duckdb.connect()
    for statement in sql.SET_UP:
        connection.execute(statement)
    query = "SELECT x, target_of(x, ?, ?, ?) FROM range(-30, 31) t(x)"
    rows = connection.execute(query, [withheld, buffer, pack]).fetchall()
    connection.close()
    row = ours(1, US, 1, buffer=buffer, pack=pack, withheld=withheld)
    assert dict(rows) == {x: should(row, x) for x in range(-30, 31)}


async def test_what_is_fine_is_not_told(tmp_path):
    exports = {EU: [line(1, 50)], US: [line(2, 50)]}
    tally, suspects = await Night(tmp_path, exports, [ours(1, EU, 1), ours(2, US, 2)]).compare()
    assert suspects == []
    assert tally.link(US) == ConnectionCount(
        store=US, pools=1, equal=1, differing=0, unusable=0, more=0, fewer=0, worst=()
    )
    assert tally.store(US).units == 50


async def test_a_missed_sale_is_told_with_both_numbers(tmp_path):
    exports = {EU: [line(1, 50)], US: [line(2, 45)]}
    tally, (suspect,) = await Night(
        tmp_path, exports, [ours(1, EU, 1), ours(2, US, 2, busy="open")]
    ).compare()
    assert (suspect.what, suspect.exported, suspect.should_show) == (
        DiscrepancyKind.DIFFERS,
        45,
        50,
    )
    assert (suspect.known_level.book, suspect.known_level.busy) == (50, Busy.OPEN)
    assert (tally.link(US).more, tally.link(US).fewer) == (5, 0)
    assert tally.link(US).worst == (
        LevelGap(pool=1, level=2, item=2, source_shows=50, shows=45, should_show=50),
    )


async def test_a_store_that_shows_nothing_is_counted_not_judged(tmp_path):
    """Others decide whether a store that suddenly sells nothing is believed."""
    exports = {EU: [line(1, 50)], US: []}
    tally, suspects = await Night(
        tmp_path, exports, [ours(1, EU, 1), ours(2, US, 2)], [known(US, line(2))]
    ).compare()
    assert tally.store(US) == StoreCount(
        store=US, variants=0, tracked=0, levels=0, units=0, known_variants=1, seen_variants=0,
        known_levels=1, seen_levels=0, unmapped_levels=0,
    )  # fmt: skip
    assert [each.what for each in suspects] == [DiscrepancyKind.MISSING]


async def test_the_worst_ten_come_first(tmp_path):
    count = 30
    exports = {EU: [line(n, n * n) for n in range(1, count)]}
    exports[US] = [line(100 + n, 0) for n in range(1, count)]
    rows = [
        ours(2 * n + (store == US), store, n + (100 if store == US else 0), pool=n, baselined=0)
        for n in range(1, count)
        for store in (EU, US)
    ]
    tally, suspects = await Night(tmp_path, exports, rows).compare()
    worst = tally.link(US).worst
    assert [each.source_shows for each in worst] == [n * n for n in range(29, 19, -1)]
    assert len(suspects) == count - 1
    assert tally.link(US).more == sum(n * n for n in range(count))


async def test_twins_in_one_store_are_ambiguous_in_all(tmp_path):
    """It is in no pool because the other store has two of it: no guess between them."""
    same = {"product__handle": "jacket"}
    exports = {
        EU: [line(1, 5, **same)],
        US: [line(2, 5, **same), line(3, 5, product__handle=" JACKET ")],
    }
    _, suspects = await Night(tmp_path, exports).compare()
    assert [each.what for each in suspects] == [DiscrepancyKind.AMBIGUOUS] * 3


@pytest.mark.parametrize("known_before", [True, False])
async def test_keys_are_compared_as_the_domain_does(tmp_path, known_before):
    """SQL knows no full width letters, no sharp s, no forms of Unicode."""
    exports = {
        EU: [
            line(1, 5, product__handle="wei\u00df"),
            line(2, 5, product__handle="\uff37EISS"),
            line(3, 5, product__handle="weis"),
        ],
        US: [],
    }
    catalogue = None if known_before else []
    _, suspects = await Night(tmp_path, exports, (), catalogue).compare()
    found = {each.item: each.what for each in suspects}
    assert found == {
        1: DiscrepancyKind.AMBIGUOUS,
        2: DiscrepancyKind.AMBIGUOUS,
        3: DiscrepancyKind.NO_PARTNER,
    }


async def test_bundles_are_nobodys_twins(tmp_path):
    same = {"product__handle": "jacket"}
    exports = {EU: [line(1, 5, **same), line(2, 5, requiresComponents=True, **same)], US: []}
    _, suspects = await Night(tmp_path, exports).compare()
    found = {each.item: each.what for each in suspects}
    assert found == {1: DiscrepancyKind.NO_PARTNER, 2: DiscrepancyKind.BUNDLE}


async def test_merchants_write_what_they_like(tmp_path):
    """Quotes, commas, line ends, other scripts: it comes back as it was."""
    odd = 'a,"b"\n\u00e9 \U0001f9e5 \\ <!channel>\x01'
    exports = {EU: [line(1, 5, product__handle=odd, product__title=odd, sku=odd)], US: []}
    _, suspects = await Night(tmp_path, exports, (), [(EU, 1, "h", odd, "deny", "")]).compare()
    assert {each.what for each in suspects} == {DiscrepancyKind.NO_PARTNER, DiscrepancyKind.RENAMED}
    for each in suspects:
        assert each.sold.names == VariantNames(handle=odd, sku=odd, policy="deny")
        assert each.was in {None, VariantNames(handle="h", sku=odd, policy="deny")}


async def test_a_line_twice_is_one_line(tmp_path):
    """Pages of a store that is being changed may overlap."""
    exports = {EU: [line(1, 50), line(1, 50)], US: [line(2, 50)]}
    tally, suspects = await Night(tmp_path, exports, [ours(1, EU, 1), ours(2, US, 2)]).compare()
    assert suspects == []
    assert (tally.store(EU).variants, tally.store(EU).units) == (1, 50)


async def test_empty_lines_are_no_lines(tmp_path):
    """Texts are read by the numbers of lines: with one too many, another variant would be told."""
    night = Night(tmp_path, {EU: [line(1, 5), line(2, 6), line(3, 7)], US: []})
    file = night.question.exports[EU]
    file.write_bytes(file.read_bytes().replace(b"\n", b"\n\n"))
    _, suspects = await night.compare()
    assert [(each.item, each.sold.names.sku) for each in suspects] == [
        (1, "SKU-1"), (2, "SKU-2"), (3, "SKU-3"),
    ]  # fmt: skip


async def test_an_export_that_changes_meanwhile_is_not_told_of(tmp_path):
    """Better no report than one variant's number under another's name."""
    night = Night(tmp_path, {EU: [line(1, 5), line(2, 6)], US: []})
    async with night.comparer.compare(night.question) as found:
        file = night.question.exports[EU]
        file.write_bytes(b"".join(reversed(file.read_bytes().splitlines(keepends=True))))
        with pytest.raises(NotCompared, match="was changed"):
            [each async for each in found.suspects()]


def test_a_line_can_be_asked_for_again(tmp_path):
    """A variant may be told of twice, and two questions may be asked of one file."""
    file = tmp_path / "eu.jsonl"
    file.write_bytes(b"".join(escaped(line(n, 5)) + b"\n" for n in range(5)))
    with ExportFile(file) as lines:
        asked = [1, 1, 4, 0, 2]
        assert [lines.line(n, n).sku for n in asked] == [f"SKU-{n}" for n in asked]
        for beyond in (5, 6):
            with pytest.raises(NotCompared):
                lines.line(beyond, beyond)


async def test_our_catalogue_has_whatever_merchants_write(tmp_path):
    """What separates fields of the dump, and lines, stands in many texts; all of them are equal."""
    odd = ["\x1f", "\x1e", "\x1e\x1f\x1e", "\n", "\r\n", "\r", '"', "'", "NULL", "\\N", "", "\x1d"]
    lines = [line(n, 5, sku=f"{odd[n % len(odd)]}a" * (n % 3), product__handle=odd[n % len(odd)])
             for n in range(1, 3000)]  # fmt: skip
    rows = [ours(n, EU, n, pool=n, book=5, shared=5) for n in range(1, 3000)]
    tally, suspects = await Night(tmp_path, {EU: lines, US: []}, rows).compare()
    assert suspects == []
    assert (tally.store(EU).known_variants, tally.store(EU).seen_variants) == (2999, 2999)


async def test_suspects_come_some_at_a_time(tmp_path):
    exports = {EU: [line(n, 5) for n in range(1, 2501)], US: []}
    night = Night(tmp_path, exports)
    async with night.comparer.compare(night.question) as found:
        sizes = [len(some) async for some in found.suspects()]
    assert sizes == [1000, 1000, 500]


# What is not compared


def spoil(change):
    """Return what spoils a file of the destination's export."""
    return lambda night: change(night.question.exports[US])


@pytest.mark.parametrize(
    "spoiled",
    [
        spoil(lambda file: file.write_bytes(b"<html>")),
        spoil(lambda file: file.write_bytes(file.read_bytes()[:-30])),
        spoil(lambda file: file.write_bytes(file.read_bytes() + b'{"id":')),
        spoil(lambda file: file.write_bytes(b"[]\n")),
        spoil(lambda file: file.write_bytes(file.read_bytes().replace(b'"l0"', b'"l1"'))),
        spoil(lambda file: file.write_bytes(escaped(line(2, 50, 50)) + b"\n")),
        spoil(
            lambda file: file.write_bytes(file.read_bytes().replace(b"InventoryItem", b"Item"))
        ),
        spoil(lambda file: file.unlink()),
        lambda night: night.question.levels.write_text("level\n1\n"),
        lambda night: night.question.levels.write_text("x\n" * 5),
        lambda night: night.question.variants.write_text("no json\n"),
        lambda night: night.question.levels.unlink(),
    ],
    ids=[
        "a page", "half a line", "a broken line", "no object", "another column", "more columns",
        "no items", "no file", "few fields", "no levels", "no catalogue", "no dump",
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_not_compared(tmp_path, spoiled):
    """A part is never taken for the whole: nothing would look like everything sold out."""
    exports = {EU: [line(1, 50)], US: [line(2, 50), line(3, 50)]}
    night = Night(tmp_path, exports, [ours(1, EU, 1), ours(2, US, 2)])
    spoiled(night)
    with pytest.raises(NotCompared):
        await night.compare()
    assert not list(tmp_path.glob("compare-*"))


async def test_it_takes_no_longer_than_it_may(tmp_path):
    night = Night(tmp_path, {EU: [line(1, 50)], US: []}, seconds=0)
    with pytest.raises(NotCompared, match="longer than 0 s"):
        await night.compare()
    assert not list(tmp_path.glob("compare-*"))


async def test_whoever_stops_listening_leaves_nothing_behind(tmp_path):
    night = Night(tmp_path, {EU: [line(n, 50) for n in range(1, 3000)], US: []})
    async with night.comparer.compare(night.question) as found:
        async for _ in found.suspects():
            break
    assert not list(tmp_path.glob("compare-*"))


async def test_it_reads_the_files_of_the_night_and_no_other(tmp_path):
    """Neither a merchant's text nor a mistake of ours reaches anything else."""
    night = Night(tmp_path, {EU: [line(1, 50)], US: []})
    (tmp_path / "other.csv").write_text("secret\n")
    async with night.comparer.compare(night.question) as found:
        for statement, given in (
            ("SELECT * FROM read_csv(?)", [f"{tmp_path}/other.csv"]),
            ("SELECT * FROM read_csv(?)", ["https://example.com/x.csv"]),
            ("SET enable_external_access = true", []),
            ("INSTALL httpfs", []),
        ):
            with pytest.raises(duckdb.Error):
                found._connection.execute(statement, given)


async def test_what_does_not_fit_into_memory_goes_to_disk(tmp_path):
    """All levels of 30,000 pools meet for the first time and differ, in very little memory."""
    count = 30_000
    exports = {
        store: [line(n + base, 7 + (store == US)) for n in range(1, count)]
        for store, base in ((EU, 0), (US, count))
    }
    rows = [
        ours(2 * n + (store == US), store, n + base, pool=n, baselined=0)
        for n in range(1, count)
        for store, base in ((EU, 0), (US, count))
    ]
    night = Night(tmp_path, exports, rows, memory="200MB")
    tally, suspects = await night.compare()
    assert len(suspects) == tally.link(US).differing == count - 1
