"""The SQL of a comparison. It is put together from numbers and words of our own only.

Tables, in the order in which they are made; `s` numbers the stores, `c` the columns of an export:

    known         our catalogue: of each variant its key and its names, each as a hash
    ours          our levels, with what each should show
    export_<s>    a line of an export, narrowed to some thirty bytes; `w<c>` says why the quantity
                  `q<c>` cannot be used, 0 when it can. Of its texts, a hash: those of the few
                  variants that will be told of are read by the number of their line
    judged_<s>    our levels of a store beside its export: what is to be said of each
    suspect       levels that are not plainly fine
    odd_variant   variants that are not
    old           what our catalogue calls those that are renamed

A hash table is built of the right side of a join: write the shorter one there.
"""

from collections.abc import Sequence

from sync_core.domain.discrepancies import Busy, DiscrepancyKind
from sync_core.domain.values import MAX_QUANTITY, Alias, Suspension
from sync_core.ports import Column

CODES = {word: number for number, word in enumerate(DiscrepancyKind, start=1)}  # 0: plainly fine
NO_PARTNER, RENAMED = CODES[DiscrepancyKind.NO_PARTNER], CODES[DiscrepancyKind.RENAMED]
TRACKED, OWN = range(2)  # bits: fewer columns are faster to write
MAX_LINE_BYTES = 1 << 20  # bytes of a line
SEPARATOR, QUOTE = "\x1f", "\x1e"  # in our catalogue: merchants hardly ever write them

_PLAIN = "auto_detect=false, format='newline_delimited', ignore_errors=false"
_NAMES = (
    "hash(coalesce(product.handle, ''), coalesce(sku, ''), lower(coalesce(inventoryPolicy, '')))"
)
_ITEM = "gid://shopify/InventoryItem/"
_LEVELS = (
    ("level", "BIGINT"), ("pool", "BIGINT"), ("location_group", "BIGINT"), ("store", "VARCHAR"),
    ("item", "BIGINT"), ("location", "BIGINT"), ("is_source", "UTINYINT"), ("counts", "UTINYINT"),
    ("baselined", "UTINYINT"), ("book", "BIGINT"), ("buffer", "BIGINT"), ("pack", "BIGINT"),
    ("withheld", "BIGINT"), ("suspended", "VARCHAR"), ("busy", "VARCHAR"), ("shared", "BIGINT"),
)  # fmt: skip

# Not null is what is counted among the columns that are read: leave out none but the last.
_VARIANTS = (
    f"read_csv(?, header=false, auto_detect=false, delim='{SEPARATOR}', quote='{QUOTE}',"
    f" escape='{QUOTE}', force_not_null=['handle', 'sku', 'policy', 'key'],"
    " new_line='\\r\\n',"
    f" max_line_size={MAX_LINE_BYTES}, columns={{store: 'VARCHAR', item: 'BIGINT',"
    " handle: 'VARCHAR', sku: 'VARCHAR', policy: 'VARCHAR', key: 'VARCHAR'})"
)

SET_UP = (
    (
        "CREATE TABLE suspect (s UTINYINT, c USMALLINT, level BIGINT, pool BIGINT, item BIGINT,"
        " what UTINYINT, exported INTEGER, should_show BIGINT, baselined BOOLEAN, counts BOOLEAN,"
        " book BIGINT, suspended UTINYINT, busy UTINYINT, want BIGINT, sq INTEGER, gap BIGINT)"
    ),
    (
        "CREATE TABLE odd_variant (s UTINYINT, c USMALLINT, item BIGINT, what UTINYINT,"
        " line BIGINT, known BOOLEAN, key UBIGINT)"
    ),
    "CREATE TABLE old (s UTINYINT, item BIGINT, handle VARCHAR, sku VARCHAR, policy VARCHAR)",
    # The same as `shown` of the domain: a buffer keeps nothing back below zero, and packs are
    # rounded down there, too.
    (
        "CREATE MACRO kept(x, buffer) AS"
        " CASE WHEN buffer <> 0 AND x >= 0 THEN greatest(0, x - buffer) ELSE x END"
    ),
    (
        "CREATE MACRO packed(x, pack) AS"
        " CASE WHEN pack = 1 THEN x ELSE (x - ((x % pack) + pack) % pack) // pack END"
    ),
    "CREATE MACRO target_of(x, withheld, buffer, pack) AS packed(kept(x - withheld, buffer), pack)",
)


def _code(word: str, words: Sequence[str]) -> str:
    """Return a word as its place among the words; none is null."""
    listed = "".join(f" WHEN '{each}' THEN {n}" for n, each in enumerate(words, start=1))
    return f"CASE WHEN {word} IS NOT NULL THEN CASE {word}{listed} END END::UTINYINT"


def _number(stores: Sequence[Alias]) -> str:
    """Return the number of the store that a line names; of another store, null."""
    quoted = (each.replace("'", "''") for each in stores)
    cases = "".join(f" WHEN '{each}' THEN {s}" for s, each in enumerate(quoted))
    return f"CASE store{cases} END"


def load_known(stores: Sequence[Alias]) -> str:
    """Read our catalogue."""
    return (
        f"CREATE TABLE known AS SELECT {_number(stores)}::UTINYINT AS s, item,"
        " hash(handle, sku, policy) AS names, CASE WHEN key <> '' THEN hash(key) END AS key"
        f" FROM {_VARIANTS} WHERE s IS NOT NULL"
    )


def load_levels(stores: Sequence[Alias], columns: Sequence[Sequence[Column]]) -> str:
    """Read our levels; those at no shared location have no column."""
    fields = ", ".join(f"'{name}': '{kind}'" for name, kind in _LEVELS)
    cases = [
        "".join(f" WHEN {column.location} THEN {c}" for c, column in enumerate(store_columns))
        for store_columns in columns
    ]
    picks = "".join(
        f" WHEN {s} THEN CASE location{each} END" for s, each in enumerate(cases) if each
    )
    return (
        f"CREATE TABLE ours AS SELECT level, pool, {_number(stores)}::UTINYINT AS s,"
        f" ({f'CASE s{picks} END' if picks else 'NULL'})::USMALLINT AS c, item,"
        " baselined = 1 AS baselined,"
        " counts = 1 AS counts, book, buffer, pack, withheld,"
        " target_of(shared, withheld, buffer, pack) AS target,"
        f" {_code('suspended', list(Suspension))} AS suspended, {_code('busy', list(Busy))} AS busy"
        " FROM read_csv(?, header=true, auto_detect=false, delim=',', quote='\"', nullstr='',"
        f" columns={{{fields}}}) WHERE s IS NOT NULL"
    )


def export_columns(columns: int) -> str:
    """Return what a line of an export with so many columns has, for `read_ndjson`."""
    level = "STRUCT(isActive BOOLEAN, quantities STRUCT(quantity VARCHAR)[])"
    levels = "".join(f", l{c} {level}" for c in range(columns))
    return (
        "columns={sku: 'VARCHAR', inventoryPolicy: 'VARCHAR', requiresComponents: 'BOOLEAN',"
        " product: 'STRUCT(handle VARCHAR, isGiftCard BOOLEAN)',"
        f" inventoryItem: 'STRUCT(id VARCHAR, tracked BOOLEAN{levels})'}},"
        f" maximum_object_size={MAX_LINE_BYTES}, {_PLAIN}"
    )


def _item() -> str:
    gid = "inventoryItem.id"
    number = f"TRY_CAST(substr({gid}, {len(_ITEM) + 1}) AS BIGINT)"
    return f"CASE WHEN starts_with({gid}, '{_ITEM}') THEN {number} END"


def _trouble_code(column: int) -> str:
    """Return why a quantity cannot be used; most can be, and that is found out first."""
    active = f"a{column}"
    return f"""CASE WHEN NOT bundle AND NOT card AND tracked AND {active}
            AND q{column} IS NOT NULL THEN 0
        WHEN bundle THEN {CODES[DiscrepancyKind.BUNDLE]}
        WHEN card THEN {CODES[DiscrepancyKind.GIFT_CARD]}
        WHEN NOT tracked THEN {CODES[DiscrepancyKind.UNTRACKED]}
        WHEN bundle IS NULL OR card IS NULL OR tracked IS NULL THEN {CODES[DiscrepancyKind.UNKNOWN]}
        WHEN absent{column} THEN {CODES[DiscrepancyKind.NOT_STOCKED]}
        WHEN NOT {active} THEN {CODES[DiscrepancyKind.INACTIVE]}
        ELSE {CODES[DiscrepancyKind.UNKNOWN]} END::UTINYINT"""


def _quantity(column: int) -> str:
    """Return a quantity that a store can hold; what is no whole number is none."""
    number = f"TRY_CAST(x{column} AS INTEGER)"
    return (
        f"CASE WHEN n{column} = 1 AND {number} BETWEEN -{MAX_QUANTITY} AND {MAX_QUANTITY}"
        f" AND {number}::VARCHAR = x{column} THEN {number} END"
    )


def load_export(store: int, columns: int) -> str:
    """Read an export, narrowed to what is compared. The number of a row is that of its line."""
    kept = "".join(f" WHEN a{c} THEN {c}::USMALLINT" for c in range(columns))
    levels = "".join(
        f", inventoryItem.l{c} IS NULL AS absent{c}, inventoryItem.l{c}.isActive AS a{c},"
        f" len(inventoryItem.l{c}.quantities) AS n{c},"
        f" inventoryItem.l{c}.quantities[1].quantity AS x{c}"
        for c in range(columns)
    )
    numbers = "".join(f", ({_quantity(c)})::INTEGER AS q{c}" for c in range(columns))
    words = "".join(f", {_trouble_code(c)} AS w{c}, q{c}" for c in range(columns))
    line = (
        f"SELECT {_item()} AS item, {_NAMES} AS names, inventoryItem.tracked AS tracked,"
        f" requiresComponents AS bundle, product.isGiftCard AS card{levels}"
        f" FROM read_ndjson(?, {export_columns(columns)})"
    )
    return (
        f"CREATE TABLE export_{store} AS SELECT item, names, ({1 << TRACKED} *"
        f" coalesce(tracked, false)::UTINYINT + {1 << OWN} *"
        " (NOT coalesce(bundle OR card, false))::UTINYINT)::UTINYINT AS flags,"
        f" {f'CASE{kept} END' if kept else 'NULL::USMALLINT'} AS kept{words}"
        f" FROM (SELECT *{numbers} FROM ({line}))"
    )


def _has(flag: int) -> str:
    return f"((flags >> {flag}) & 1) = 1"


def count_export(store: int, columns: int) -> str:
    """Count an export: lines, lines without an item, items, tracked, levels, units."""
    usable = "".join(f" + count(*) FILTER (w{c} = 0)" for c in range(columns))
    units = "".join(f" + coalesce(sum(q{c}) FILTER (w{c} = 0), 0)" for c in range(columns))
    return (
        "SELECT count(*), count(*) - count(item), count(DISTINCT item),"
        f" count(*) FILTER ({_has(TRACKED)}), (0{usable})::BIGINT, (0{units})::BIGINT"
        f" FROM export_{store}"
    )


def keep_each_once(store: int) -> str:
    """Keep one line of each item: pages of a store that is being changed may overlap."""
    return (
        f"CREATE OR REPLACE TABLE export_{store} AS"
        f" SELECT DISTINCT ON (item) *, rowid AS line FROM export_{store}"
    )


def _known_and_exported(store: int) -> str:
    return (
        f"export_{store} e JOIN (SELECT item, names FROM known WHERE s = {store}) k"
        " ON k.item = e.item"
    )


def count_known(store: int) -> str:
    """Count variants that we know, those of them in the export, and the renamed of these."""
    return (
        f"SELECT (SELECT count(*) FROM known WHERE s = {store}), count(*),"
        f" count(*) FILTER (k.names <> e.names) FROM {_known_and_exported(store)}"
    )


def find_renamed(store: int, line: str) -> str:
    """Note variants that go by other names than we know."""
    return (
        f"INSERT INTO odd_variant SELECT {store}, NULL, e.item,"
        f" {RENAMED}, e.{line}, true, NULL"
        f" FROM {_known_and_exported(store)} WHERE k.names <> e.names"
    )


def find_unmatched(store: int, line: str) -> str:
    """Note variants that are kept at a shared location and are in no pool."""
    return (
        f"INSERT INTO odd_variant SELECT {store}, e.kept, e.item,"
        f" CASE WHEN {_has(OWN)} THEN {NO_PARTNER} ELSE w0 END, e.{line},"
        f" false, NULL FROM export_{store} e ANTI JOIN (SELECT item FROM ours WHERE s = {store}) o"
        " ON o.item = e.item WHERE e.kept IS NOT NULL"
    )


FIND_KEYS = (
    "UPDATE odd_variant SET key = k.key, known = true FROM (SELECT k.s, k.item, k.key FROM known k"
    f" SEMI JOIN (SELECT s, item FROM odd_variant WHERE what <> {RENAMED}) t"
    " ON t.item = k.item AND t.s = k.s) k"
    " WHERE odd_variant.s = k.s AND odd_variant.item = k.item"
    f" AND odd_variant.what <> {RENAMED}"
)


def select_unknown(store: int) -> str:
    """Select variants in no pool that our catalogue does not know, with the lines they are on."""
    which = f"s = {store} AND NOT known AND what = {NO_PARTNER}"
    return f"SELECT item, line FROM odd_variant WHERE {which} ORDER BY line"


def load_keys(store: int) -> str:
    """Give strangers their keys."""
    return (
        "UPDATE odd_variant SET key = hash(f.key) FROM read_ndjson(?, columns={item: 'BIGINT',"
        f" key: 'VARCHAR'}}, maximum_object_size={MAX_LINE_BYTES}, {_PLAIN}) f"
        f" WHERE odd_variant.s = {store} AND odd_variant.item = f.item"
        f" AND odd_variant.what = {NO_PARTNER}"
    )


def find_ambiguous(stores: int) -> str:
    """Note where the key of a variant in no pool belongs to several variants of one store."""
    alone = f"SELECT key FROM odd_variant WHERE what = {NO_PARTNER} AND key IS NOT NULL"
    keys = " UNION ".join(
        [
            f"SELECT k.s, k.item, k.key FROM (SELECT * FROM known WHERE s = {s}"
            f" AND key IN ({alone})) k SEMI JOIN (SELECT item FROM export_{s} WHERE {_has(OWN)}) e"
            " ON e.item = k.item"
            for s in range(stores)
        ]
        + [f"SELECT s, item, key FROM odd_variant WHERE what = {NO_PARTNER}"]
    )
    return (
        f"UPDATE odd_variant SET what = {CODES[DiscrepancyKind.AMBIGUOUS]}"
        f" WHERE what = {NO_PARTNER} AND key IN"
        f" (SELECT key FROM ({keys}) WHERE key IS NOT NULL GROUP BY s, key HAVING count(*) > 1)"
    )


ANY_RENAMED = f"SELECT count(*) FROM odd_variant WHERE what = {RENAMED}"


def load_former_names(stores: Sequence[Alias]) -> str:
    """Read what we called the variants that are renamed."""
    return (
        f"INSERT INTO old SELECT v.s, v.item, v.handle, v.sku, v.policy"
        f" FROM (SELECT *, {_number(stores)}::UTINYINT AS s FROM {_VARIANTS}) v"
        " SEMI JOIN (SELECT s, item FROM odd_variant"
        f" WHERE what = {RENAMED}) r"
        " ON r.item = v.item AND r.s = v.s"
    )


def _value_at_column(columns: int, name: str) -> str:
    if columns == 1:
        return f"e.{name}0"
    cases = "".join(f" WHEN {c} THEN e.{name}{c}" for c in range(columns))
    return f"CASE o.c{cases} END" if columns else "NULL"


def _compared(store: int, columns: int) -> str:
    """Select our levels of a store with what its export says: the word `w`, the number `q`."""
    word = f"coalesce({_value_at_column(columns, 'w')}, {CODES[DiscrepancyKind.MISSING]})::UTINYINT"
    return (
        f"SELECT o.*, {word} AS w, {_value_at_column(columns, 'q')}::INTEGER AS q,"
        f" e.item IS NOT NULL AS seen FROM ours o LEFT JOIN export_{store} e ON e.item = o.item"
        f" WHERE o.s = {store} AND o.c IS NOT NULL"
    )


_EXPECTED = "target_of(sq, withheld, buffer, pack)"


def judge_levels(store: int, columns: int, *, is_source: bool, agreeing: bool) -> str:
    """Say of each level of a store whether it is plainly fine, and what follows from the source."""
    agrees = CODES[DiscrepancyKind.AGREES] if agreeing else 0
    differs, is_unreadable = CODES[DiscrepancyKind.DIFFERS], CODES[DiscrepancyKind.NO_SOURCE]
    if is_source:
        unmet, joined = f"{agrees}", "(SELECT *, NULL::UTINYINT AS sw, NULL::INTEGER AS sq FROM a)"
    else:
        unmet = (
            f"CASE WHEN coalesce(sw, 1) <> 0 THEN {is_unreadable} WHEN q <> want THEN {differs}"
            f" ELSE {agrees} END"
        )
        joined = "a LEFT JOIN (SELECT pool, w AS sw, q AS sq FROM judged_0) USING (pool)"
    what = (
        "CASE WHEN w <> 0 THEN w WHEN baselined THEN"
        f" CASE WHEN q <> book OR q <> coalesce(target, q) THEN {differs} ELSE 0 END"
        f" ELSE {unmet} END::UTINYINT"
    )
    return (
        f"CREATE TABLE judged_{store} AS WITH a AS ({_compared(store, columns)}),"
        f" b AS (SELECT *, CASE WHEN sw = 0 THEN {_EXPECTED} END AS want FROM {joined})"
        f" SELECT level, {'pool, ' if is_source else ''}w, q, seen, sw, sq, want, {what} AS what,"
        " CASE WHEN w = 0 THEN want - q END AS gap FROM b"
    )


def find_discrepancies(store: int) -> str:
    """Note the levels of a store that are not plainly fine, or not what follows from the source."""
    return (
        "INSERT INTO suspect SELECT o.s, o.c, o.level, o.pool, o.item, j.what,"
        " CASE WHEN w = 0 THEN q END, CASE WHEN baselined THEN target ELSE want END, baselined,"
        " counts, book, suspended, busy, want, sq, gap"
        f" FROM (SELECT * FROM ours WHERE s = {store} AND c IS NOT NULL) o JOIN"
        f" (SELECT * FROM judged_{store} WHERE what <> 0 OR gap <> 0) j ON j.level = o.level"
    )


def count_levels(store: int) -> str:
    """Count our levels of a store: at shared locations, of these in the export, elsewhere."""
    return (
        "SELECT count(*), count(*) FILTER (seen),"
        f" (SELECT count(*) FROM ours WHERE s = {store} AND c IS NULL) FROM judged_{store}"
    )


def count_link(store: int) -> str:
    """Count the pools that a destination shares with the source, and the usable ones."""
    return f"SELECT count(sw), count(*) FILTER (w = 0 AND sw = 0) FROM judged_{store}"


def count_gaps(store: int) -> str:
    """Count a destination's differences from the source: pools, units more, units fewer."""
    return (
        "SELECT count(*), coalesce(sum(gap) FILTER (gap > 0), 0)::BIGINT,"
        " coalesce(-sum(gap) FILTER (gap < 0), 0)::BIGINT"
        f" FROM suspect WHERE s = {store} AND gap <> 0"
    )


def select_worst(store: int, most: int) -> str:
    """Select the pools where the most units would move."""
    return (
        f"SELECT pool, level, item, sq, exported, want FROM suspect WHERE s = {store}"
        f" AND gap <> 0 ORDER BY abs(gap) DESC, level LIMIT {most}"
    )


COUNT_KINDS = (
    "SELECT s, what, count(*) FROM (SELECT s, what FROM suspect WHERE what <> 0 UNION ALL"
    " SELECT s, what FROM odd_variant) GROUP BY s, what"
)
SELECT_LEVELS = (
    "SELECT s, c, level, pool, item, what, exported, should_show, baselined, counts, book,"
    " suspended, busy FROM suspect WHERE what <> 0"
)
SELECT_VARIANTS = (
    "SELECT t.s, t.line, t.c, t.item, t.what, old.handle, old.sku, old.policy FROM odd_variant t"
    f" LEFT JOIN old ON old.item = t.item AND old.s = t.s AND t.what = {RENAMED}"
    " ORDER BY t.s, t.line"
)
