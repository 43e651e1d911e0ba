"""Products to be read again: nobody's note is lost, whoever reads and notes at the same time."""

from contextlib import closing

from alembic import command
from sqlalchemy import text

from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import _config, migrate
from sync_core.ports import ProductToRead
from tests.conftest import needs_postgres
from tests.db.conftest import EU, NOON, US, after
from tests.db.test_catalogue import held_up, two


def note(database, product, at=0, store=US):
    database.run(lambda tx: tx.catalogue.enqueue_product(store, product, now=after(at)))


def due(database, at=0, store=US, limit=10):
    return database.run(lambda tx: tx.catalogue.products_to_read(store, now=after(at), limit=limit))


def read(database, found, at=0):
    database.run(lambda tx: tx.catalogue.product_done(US, found, now=after(at)))


def not_read(database, found, until):
    database.run(lambda tx: tx.catalogue.retry_product(US, found, until=after(until)))


def test_a_product_is_to_be_read_until_it_has_been(furnished):
    note(furnished, 7)
    note(furnished, 7)
    note(furnished, 8, store=EU)
    [found] = due(furnished)
    assert found == ProductToRead(product=7, mark=2, attempts=0)
    read(furnished, found)
    assert due(furnished) == []
    assert [each.product for each in due(furnished, store=EU)] == [8]


def test_what_changes_while_it_is_read_is_read_once_more(furnished):
    note(furnished, 7)
    [found] = due(furnished)
    note(furnished, 7)
    read(furnished, found)
    [again] = due(furnished)
    read(furnished, again)
    assert due(furnished) == []


def test_what_cannot_be_read_waits_behind_what_can(furnished):
    note(furnished, 7)
    not_read(furnished, due(furnished)[0], until=60)
    note(furnished, 8, at=1)
    assert [each.product for each in due(furnished, at=2)] == [8]
    assert [each.product for each in due(furnished, at=60)] == [8, 7]
    assert due(furnished, at=60, limit=1)[0].product == 8


def test_a_new_note_does_not_shorten_the_wait(furnished):
    """A product that changes each second would be tried in vain each second."""
    note(furnished, 7)
    not_read(furnished, due(furnished)[0], until=60)
    note(furnished, 7, at=1)
    assert due(furnished, at=59) == []
    [found] = due(furnished, at=60)
    assert (found.attempts, found.mark) == (1, 2)


def test_a_note_that_came_meanwhile_starts_over_once_it_was_read(furnished):
    note(furnished, 7)
    not_read(furnished, due(furnished)[0], until=60)
    [found] = due(furnished, at=60)
    note(furnished, 7, at=61)
    read(furnished, found, at=62)
    assert [each.attempts for each in due(furnished, at=62)] == [0]


@needs_postgres
def test_two_processes_note_products_at_the_same_time(postgres_url):
    """As one setting with a list in it, one of the two was lost."""
    with two(postgres_url) as (one, other):

        def first(tx):
            tx.catalogue.enqueue_product(US, 7, now=NOON)

        def second(tx):
            tx.catalogue.enqueue_product(US, 8, now=NOON)
            tx.catalogue.enqueue_product(US, 7, now=NOON)

        held_up(postgres_url, one, first, other, second)
        assert [(each.product, each.mark) for each in due(one)] == [(7, 2), (8, 1)]


@needs_postgres
def test_a_note_that_comes_while_the_last_one_is_ticked_off_stays(postgres_url):
    with two(postgres_url) as (one, other):
        note(one, 7)
        [found] = due(one)

        def tick(tx):
            tx.catalogue.product_done(US, found, now=NOON)

        held_up(
            postgres_url, one, tick, other, lambda tx: tx.catalogue.enqueue_product(US, 7, now=NOON)
        )
        assert [each.product for each in due(one)] == [7]


@needs_postgres
def test_a_reader_that_waits_for_a_note_does_not_tick_it_off(postgres_url):
    with two(postgres_url) as (one, other):
        note(one, 7)
        [found] = due(one)

        def again(tx):
            tx.catalogue.enqueue_product(US, 7, now=NOON)

        held_up(
            postgres_url,
            one,
            again,
            other,
            lambda tx: tx.catalogue.product_done(US, found, now=NOON),
        )
        assert [each.product for each in due(one)] == [7]


def test_what_waited_to_be_read_is_carried_over(empty_url):
    """An upgrade forgets no product; a store that is gone has none."""
    with closing(SqlDatabase(empty_url)) as database:
        with database.engine.begin() as connection:
            command.upgrade(_config(connection), "2026_11_25_refused")
            for name, value in (
                ("products_to_read:us", "7 8 7 9007199254740991"),
                ("products_to_read:gone", "5"),
                ("productsXto_read:us", "kept"),
            ):
                given = {"name": name, "value": value}
                connection.execute(text("INSERT INTO setting VALUES (:name, :value)"), given)
            connection.execute(
                text("INSERT INTO store (alias, domain, role, scopes) VALUES ('us', 'x', 'd', '')")
            )
        migrate(database.engine)
        found = database.run(
            lambda tx: tx.catalogue.products_to_read(US, now=after(1e10), limit=10)
        )
        assert sorted(each.product for each in found) == [7, 8, 9007199254740991]
        with database.engine.begin() as connection:
            names = connection.execute(text("SELECT name FROM setting")).scalars().all()
        assert names == ["productsXto_read:us"]
