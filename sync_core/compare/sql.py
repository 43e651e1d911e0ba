"""The SQL of a comparison. It is put together from numbers and words of our own only.

Tables, in the order in which they are made; `s` numbers the stores, `c` the columns of an export:

    store, spot   which number a store has, which column a location is
    known         our catalogue: of each variant its key, and its names as one hash
    ours          our levels, with what each should show
    export_<s>    a line of an export, narrowed to some twenty bytes; `w<c>` says why the quantity
                  `q<c>` cannot be used, 0 when it can. Texts are kept of the few variants that
                  will be told of: so each export is read once
    source        what the source shows, by pool
    suspect       levels that are not plainly fine
    told          variants that are not
    old           what our catalogue calls those that are renamed
"""

from collections.abc import Sequence

from sync_core.domain.suspects import Busy, Oddity
from sync_core.domain.values import GREATEST, Suspension

CODES = {word: number for number, word in enumerate(Oddity, start=1)}  # 0: plainly fine
TRACKED, OWN, KNOWN, RENAMED = range(4)  # bits: fewer columns are faster to write
LONGEST_LINE = 1 << 20  # bytes of a line

_PLAIN = "auto_detect=false, format='newline_delimited', ignore_errors=false"
_ITEM = "gid://shopify/InventoryItem/"
_LEVELS = (
    ("level", "BIGINT"), ("pool", "BIGINT"), ("place", "BIGINT"), ("store", "VARCHAR"),
    ("item", "BIGINT"), ("location", "BIGINT"), ("is_source", "UTINYINT"), ("counts", "UTINYINT"),
    ("met", "UTINYINT"), ("book", "BIGINT"), ("buffer", "BIGINT"), ("pack", "BIGINT"),
    ("held", "BIGINT"), ("suspended", "VARCHAR"), ("busy", "VARCHAR"), ("shared", "BIGINT"),
)  # fmt: skip

SET_UP = (
    "CREATE TABLE store (store VARCHAR, s UTINYINT)",
    "CREATE TABLE spot (s UTINYINT, location BIGINT, c USMALLINT)",
    (
        "CREATE TABLE suspect (s UTINYINT, c USMALLINT, level BIGINT, pool BIGINT, item BIGINT,"
        " what UTINYINT, exported INTEGER, should_show BIGINT, met BOOLEAN, counts BOOLEAN,"
        " book BIGINT, suspended UTINYINT, busy UTINYINT, want BIGINT, sq INTEGER, gap BIGINT)"
    ),
    (
        "CREATE TABLE told"
        " (s UTINYINT, c USMALLINT, item BIGINT, what UTINYINT, key UBIGINT, texts VARCHAR)"
    ),
    "CREATE TABLE old (s UTINYINT, item BIGINT, handle VARCHAR, sku VARCHAR, barcode VARCHAR)",
    # The same as `shown` of the domain: a buffer keeps nothing back below zero, and packs are
    # rounded down there, too.
    (
        "CREATE MACRO kept(x, buffer) AS"
        " CASE WHEN buffer <> 0 AND x >= 0 THEN greatest(0, x - buffer) ELSE x END"
    ),
    "CREATE MACRO packed(x, pack) AS (x - ((x % pack) + pack) % pack) // pack",
    "CREATE MACRO shown(x, held, buffer, pack) AS packed(kept(x - held, buffer), pack)",
)


def _code(word: str, words: Sequence[str]) -> str:
    """Return a word as its place among the words; none is null."""
    listed = ", ".join(f"'{each}'" for each in words)
    return f"list_position([{listed}], {word})::UTINYINT"


def load_known() -> str:
    """Read our catalogue."""
    return (
        "CREATE TABLE known AS SELECT store.s, v.item, hash(v.handle, v.sku, v.barcode) AS names,"
        " CASE WHEN v.key <> '' THEN hash(v.key) END AS key, v.pooled = 1 AS pooled"
        f" FROM read_ndjson(?, {known_columns()}) v JOIN store USING (store)"
    )


def known_columns() -> str:
    """Return what a line of the dump of variants has."""
    return (
        "columns={store: 'VARCHAR', item: 'BIGINT', handle: 'VARCHAR', sku: 'VARCHAR',"
        " barcode: 'VARCHAR', key: 'VARCHAR', pooled: 'UTINYINT'},"
        f" maximum_object_size={LONGEST_LINE}, {_PLAIN}"
    )


def load_levels() -> str:
    """Read our levels; those at no mapped place have no column."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _LEVELS)
    return (
        "CREATE TABLE ours AS SELECT l.level, l.pool, store.s, spot.c, l.item,"
        " l.met = 1 AS met, l.counts = 1 AS counts, l.book, l.buffer, l.pack, l.held,"
        " shown(l.shared, l.held, l.buffer, l.pack) AS target,"
        f" {_code('l.suspended', list(Suspension))} AS suspended,"
        f" {_code('l.busy', list(Busy))} AS busy"
        f" FROM read_csv(?, header=true, auto_detect=false, delim=',', quote='\"', nullstr='',"
        f" columns={{{columns}}}) l JOIN store USING (store)"
        " LEFT JOIN spot ON spot.s = store.s AND spot.location = l.location"
    )


def export_columns(columns: int) -> str:
    """Return what a line of an export with so many columns has, for `read_ndjson`."""
    level = "STRUCT(isActive BOOLEAN, quantities STRUCT(quantity VARCHAR)[])"
    levels = "".join(f", l{c} {level}" for c in range(columns))
    return (
        "columns={sku: 'VARCHAR', barcode: 'VARCHAR', requiresComponents: 'BOOLEAN', product:"
        " 'STRUCT(handle VARCHAR, isGiftCard BOOLEAN, title VARCHAR, status VARCHAR)',"
        ' selectedOptions: \'STRUCT("name" VARCHAR, "value" VARCHAR)[]\','
        f" inventoryItem: 'STRUCT(id VARCHAR, tracked BOOLEAN{levels})'}},"
        f" maximum_object_size={LONGEST_LINE}, {_PLAIN}"
    )


def _item() -> str:
    gid = "inventoryItem.id"
    number = f"TRY_CAST(substr({gid}, {len(_ITEM) + 1}) AS BIGINT)"
    return f"CASE WHEN starts_with({gid}, '{_ITEM}') THEN {number} END"


def _word(column: int) -> str:
    """Return why a quantity cannot be used."""
    level = f"inventoryItem.l{column}"
    return f"""CASE WHEN requiresComponents THEN {CODES[Oddity.BUNDLE]}
        WHEN product.isGiftCard THEN {CODES[Oddity.GIFT_CARD]}
        WHEN NOT inventoryItem.tracked THEN {CODES[Oddity.UNTRACKED]}
        WHEN requiresComponents IS NULL OR product.isGiftCard IS NULL
            OR inventoryItem.tracked IS NULL THEN {CODES[Oddity.UNKNOWN]}
        WHEN {level} IS NULL THEN {CODES[Oddity.NOT_STOCKED]}
        WHEN NOT {level}.isActive THEN {CODES[Oddity.INACTIVE]}
        WHEN {level}.isActive IS NULL OR {_quantity(column)} IS NULL
            THEN {CODES[Oddity.UNKNOWN]}
        ELSE 0 END::UTINYINT"""


def _quantity(column: int) -> str:
    """Return a quantity that a store can hold; what is no whole number is none."""
    text = f"inventoryItem.l{column}.quantities[1].quantity"
    number = f"TRY_CAST({text} AS INTEGER)"
    return (
        f"CASE WHEN len(inventoryItem.l{column}.quantities) = 1"
        f" AND {number} BETWEEN -{GREATEST} AND {GREATEST}"
        f" AND {number}::VARCHAR = {text} THEN {number} END"
    )


def load_export(store: int, columns: int) -> str:
    """Read an export beside our catalogue and levels, narrowed to what is compared."""
    kept = "".join(f" WHEN inventoryItem.l{c}.isActive THEN {c}::USMALLINT" for c in range(columns))
    levels = "".join(
        f", {_word(c)} AS w{c}, ({_quantity(c)})::INTEGER AS q{c}" for c in range(columns)
    )
    numbers = "".join(f", w{c}, q{c}" for c in range(columns))
    line = (
        f"SELECT {_item()} AS item, product.handle AS handle, coalesce(sku, '') AS sku,"
        " coalesce(barcode, '') AS barcode, product.title AS title, product.status AS status,"
        " inventoryItem.tracked AS tracked, selectedOptions AS options,"
        " NOT coalesce(requiresComponents OR product.isGiftCard, false) AS own,"
        f" {f'CASE{kept} END' if kept else 'NULL::USMALLINT'} AS kept{levels}"
        f" FROM read_ndjson(?, {export_columns(columns)})"
    )
    return (
        f"CREATE TABLE export_{store} AS SELECT item, (coalesce(tracked, false)::UTINYINT"
        f" + {1 << OWN} * own::UTINYINT + {1 << KNOWN} * known::UTINYINT"
        f" + {1 << RENAMED} * renamed::UTINYINT)::UTINYINT AS flags,"
        " CASE WHEN alone THEN kept END AS kept, CASE WHEN alone OR renamed THEN"
        " to_json({handle: handle, sku: sku, barcode: barcode, title: title, status: status,"
        f" tracked: tracked, options: options}})::VARCHAR END AS texts{numbers}"
        " FROM (SELECT e.*, k.item IS NOT NULL AS known,"
        " coalesce(k.names <> hash(handle, sku, barcode), false) AS renamed,"
        " kept IS NOT NULL AND NOT coalesce(k.pooled, false) AS alone"
        f" FROM ({line}) e LEFT JOIN (SELECT item, names, pooled FROM known WHERE s = {store}) k"
        " ON k.item = e.item)"
    )


def _is(flag: int) -> str:
    return f"((flags >> {flag}) & 1) = 1"


def count_export(store: int, columns: int) -> str:
    """Count an export: lines, lines without an item, items, tracked, levels, units, known."""
    usable = "".join(f" + count(*) FILTER (w{c} = 0)" for c in range(columns))
    units = "".join(f" + coalesce(sum(q{c}) FILTER (w{c} = 0), 0)" for c in range(columns))
    return (
        "SELECT count(*), count(*) - count(item), count(DISTINCT item),"
        f" count(*) FILTER ({_is(TRACKED)}), (0{usable})::BIGINT, (0{units})::BIGINT,"
        f" count(*) FILTER ({_is(KNOWN)}) FROM export_{store}"
    )


def keep_each_once(store: int) -> str:
    """Keep one line of each item: pages of a store that is being changed may overlap."""
    return (
        f"CREATE OR REPLACE TABLE export_{store} AS SELECT DISTINCT ON (item) * FROM export_{store}"
    )


def find_renamed(store: int) -> str:
    """Note variants that go by other names than we know."""
    return (
        f"INSERT INTO told SELECT {store}, NULL, item, {CODES[Oddity.RENAMED]}, NULL, texts"
        f" FROM export_{store} WHERE {_is(RENAMED)}"
    )


def find_alone(store: int) -> str:
    """Note variants that are kept at a mapped place and are in no pool, with their keys.

    A variant that our catalogue does not know may have a level all the same.
    """
    odd = f"SELECT item FROM export_{store} WHERE kept IS NOT NULL"
    return (
        f"INSERT INTO told SELECT {store}, e.kept, e.item,"
        f" CASE WHEN {_is(OWN)} THEN {CODES[Oddity.NO_PARTNER]} ELSE w0 END, k.key, e.texts FROM"
        f" (SELECT * FROM export_{store} WHERE kept IS NOT NULL) e LEFT JOIN"
        f" (SELECT item, key FROM known WHERE s = {store} AND item IN ({odd})) k"
        " ON k.item = e.item ANTI JOIN"
        f" (SELECT item FROM ours WHERE s = {store} AND item IN ({odd})) o ON o.item = e.item"
    )


def strangers(store: int) -> str:
    """Select variants in no pool that our catalogue does not know, with what makes their key."""
    return (
        f"SELECT t.item, texts FROM told t ANTI JOIN (SELECT item FROM known WHERE s = {store}) k"
        f" ON k.item = t.item WHERE t.s = {store} AND t.what = {CODES[Oddity.NO_PARTNER]}"
    )


def load_keys(store: int) -> str:
    """Give strangers their keys."""
    return (
        "UPDATE told SET key = hash(f.key) FROM read_ndjson(?, columns={item: 'BIGINT',"
        f" key: 'VARCHAR'}}, maximum_object_size={LONGEST_LINE}, {_PLAIN}) f"
        f" WHERE told.s = {store} AND told.item = f.item"
        f" AND told.what = {CODES[Oddity.NO_PARTNER]}"
    )


def find_twins(stores: int) -> str:
    """Note where the key of a variant in no pool belongs to several variants of one store."""
    alone = f"SELECT key FROM told WHERE what = {CODES[Oddity.NO_PARTNER]} AND key IS NOT NULL"
    keys = " UNION ".join(
        [
            f"SELECT k.s, k.item, k.key FROM (SELECT * FROM known WHERE s = {s}"
            f" AND key IN ({alone})) k SEMI JOIN (SELECT item FROM export_{s} WHERE {_is(OWN)}) e"
            " ON e.item = k.item"
            for s in range(stores)
        ]
        + [f"SELECT s, item, key FROM told WHERE what = {CODES[Oddity.NO_PARTNER]}"]
    )
    return (
        f"UPDATE told SET what = {CODES[Oddity.AMBIGUOUS]}"
        f" WHERE what = {CODES[Oddity.NO_PARTNER]} AND key IN"
        f" (SELECT key FROM ({keys}) WHERE key IS NOT NULL GROUP BY s, key HAVING count(*) > 1)"
    )


ANY_RENAMED = f"SELECT count(*) FROM told WHERE what = {CODES[Oddity.RENAMED]}"


def load_old() -> str:
    """Read what we called the variants that are renamed."""
    return (
        "INSERT INTO old SELECT store.s, v.item, v.handle, v.sku, v.barcode"
        f" FROM read_ndjson(?, {known_columns()}) v JOIN store USING (store)"
        f" SEMI JOIN (SELECT s, item FROM told WHERE what = {CODES[Oddity.RENAMED]}) r"
        " ON r.s = store.s AND r.item = v.item"
    )


def _at_column(columns: int, name: str) -> str:
    if columns == 1:
        return f"e.{name}0"
    cases = "".join(f" WHEN {c} THEN e.{name}{c}" for c in range(columns))
    return f"CASE o.c{cases} END" if columns else "NULL"


def _compared(store: int, columns: int) -> str:
    """Select our levels of a store with what its export says: the word `w`, the number `q`."""
    word = f"coalesce({_at_column(columns, 'w')}, {CODES[Oddity.MISSING]})::UTINYINT"
    return (
        f"SELECT o.*, {word} AS w, {_at_column(columns, 'q')}::INTEGER AS q,"
        f" e.item IS NOT NULL AS seen FROM ours o LEFT JOIN export_{store} e ON e.item = o.item"
        f" WHERE o.s = {store} AND o.c IS NOT NULL"
    )


def count_levels(store: int) -> str:
    """Count our levels of a store: at mapped places, of these in the export, elsewhere."""
    return (
        "SELECT count(*) FILTER (c IS NOT NULL), count(e.item) FILTER (c IS NOT NULL),"
        f" count(*) FILTER (c IS NULL) FROM ours o LEFT JOIN export_{store} e ON e.item = o.item"
        f" WHERE o.s = {store}"
    )


_WANT = "shown(sq, held, buffer, pack)"


def load_source(store: int, columns: int) -> str:
    """Make the table of what the source shows, by pool."""
    return (
        f"CREATE TABLE source AS SELECT pool, w AS sw, q AS sq FROM ({_compared(store, columns)})"
    )


def find_suspects(store: int, columns: int, *, is_source: bool, agreeing: bool) -> str:
    """Note the levels of a store that are not plainly fine, or not what follows from the source."""
    agrees = CODES[Oddity.AGREES] if agreeing else 0
    differs, blind = CODES[Oddity.DIFFERS], CODES[Oddity.NO_SOURCE]
    if is_source:
        unmet, joined = f"{agrees}", "(SELECT *, NULL::UTINYINT AS sw, NULL::INTEGER AS sq FROM a)"
    else:
        unmet = (
            f"CASE WHEN coalesce(sw, 1) <> 0 THEN {blind} WHEN q <> want THEN {differs}"
            f" ELSE {agrees} END"
        )
        joined = "a LEFT JOIN source USING (pool)"
    what = (
        "CASE WHEN w <> 0 THEN w WHEN met THEN"
        f" CASE WHEN q <> book OR q <> coalesce(target, q) THEN {differs} ELSE 0 END"
        f" ELSE {unmet} END"
    )
    return (
        f"INSERT INTO suspect WITH a AS ({_compared(store, columns)}),"
        f" b AS (SELECT *, CASE WHEN sw = 0 THEN {_WANT} END AS want FROM {joined}),"
        f" d AS (SELECT *, {what} AS what, CASE WHEN w = 0 THEN want - q END AS gap FROM b)"
        " SELECT s, c, level, pool, item, what, CASE WHEN w = 0 THEN q END,"
        " CASE WHEN met THEN target ELSE want END, met, counts, book, suspended, busy,"
        " want, sq, gap FROM d WHERE what <> 0 OR gap <> 0"
    )


def count_link(store: int, columns: int) -> str:
    """Count the pools that a destination shares with the source, and the usable ones."""
    return (
        "SELECT count(*), count(*) FILTER (w = 0 AND sw = 0)"
        f" FROM ({_compared(store, columns)}) JOIN source USING (pool)"
    )


def count_gaps(store: int) -> str:
    """Count a destination's differences from the source: pools, units more, units fewer."""
    return (
        "SELECT count(*), coalesce(sum(gap) FILTER (gap > 0), 0)::BIGINT,"
        " coalesce(-sum(gap) FILTER (gap < 0), 0)::BIGINT"
        f" FROM suspect WHERE s = {store} AND gap <> 0"
    )


def worst(store: int, most: int) -> str:
    """Select the pools where the most units would move."""
    return (
        f"SELECT pool, level, item, sq, exported, want FROM suspect WHERE s = {store}"
        f" AND gap <> 0 ORDER BY abs(gap) DESC, level LIMIT {most}"
    )


KINDS = (
    "SELECT s, what, count(*) FROM (SELECT s, what FROM suspect WHERE what <> 0 UNION ALL"
    " SELECT s, what FROM told) GROUP BY s, what"
)
SUSPECTS = (
    "SELECT s, c, level, pool, item, what, exported, should_show, met, counts, book, suspended,"
    " busy FROM suspect WHERE what <> 0"
)
VARIANTS = (
    "SELECT t.s, t.c, t.item, t.what, t.texts, old.handle, old.sku, old.barcode FROM told t"
    f" LEFT JOIN old ON old.s = t.s AND old.item = t.item AND t.what = {CODES[Oddity.RENAMED]}"
)
