"""An alias between users makes one person of two, and both accounts are scored anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, live_schemas, rescore

DAY = timedelta(days=1)
MADE = (
    "SELECT subject_id, account_id, value::BIGINT, occurrences_ever FROM features.signals"
    " WHERE level = '{level}' AND signal = 'made' ORDER BY subject_id"
)


@pytest.fixture
def line(warehouse, kit):
    """Two people of two accounts, scored; and a function that loads and scores more."""
    with open_warehouse(warehouse) as connection:

        def follow(name: str, hours_ago: float, *messages: dict) -> None:
            kit.put(warehouse, messages, f"{name}.parquet")
            kit.load(connection, warehouse)
            rescored = rescore(connection, kit.NOW - timedelta(hours=hours_ago))
            live = kit.tables(connection)
            assert rescored.scope == ("all" if name == "first" else "touched")
            with as_known_at(connection, kit.NOW - timedelta(hours=hours_ago)):
                assert kit.tables(connection, "live") == live, name

        follow(
            "first",
            9,
            kit.message("o1", 3 * DAY, user_id="old", group_id="before"),
            kit.message("o2", 2 * DAY, user_id="old", group_id="before", anonymous_id="phone"),
            kit.message("n1", DAY, user_id="new", group_id="after"),
            kit.message("x1", DAY, user_id="bystander", group_id="elsewhere"),
        )
        yield connection, follow


def alias(kit, message_id: str, user: str, previous: str, ago: timedelta) -> dict:
    return kit.message(message_id, ago, type="alias", user_id=user, previous_id=previous)


def made(connection, level: str) -> list[tuple]:
    return connection.execute(MADE.format(level=level)).fetchall()


def test_both_sides_of_a_merge_are_scored_anew(line, kit) -> None:
    connection, follow = line
    follow("alias", 8, alias(kit, "a1", "new", "old", DAY / 2))
    assert made(connection, "user") == [
        ("bystander", "elsewhere", 1, 1),
        ("new", "after", 3, 3),
    ]
    assert kit.rows(connection, "SELECT user_id FROM staging.users ORDER BY 1") == [
        ("bystander",),
        ("new",),
    ]
    # What was done in the earlier account stays there, and is the doing of the one person now.
    assert kit.rows(
        connection,
        "SELECT account_id, user_id, value FROM features.signals"
        " WHERE level = 'account' AND signal = 'made' ORDER BY 1",
    ) == [("after", "new", 1), ("before", "new", 2), ("elsewhere", "bystander", 1)]
    assert kit.rows(
        connection, "SELECT subject_id FROM scores.composites WHERE level = 'user' ORDER BY 1"
    ) == [("bystander",), ("new",)]


def test_what_the_earlier_id_does_later_is_done_by_the_person(line, kit) -> None:
    connection, follow = line
    follow("alias", 8, alias(kit, "a1", "new", "old", DAY / 2))
    follow("later", 7, kit.message("o3", DAY / 3, user_id="old", group_id="after"))
    follow("device", 6, kit.message("o4", DAY / 3, anonymous_id="phone"))
    assert ("new", "after", 5, 5) in made(connection, "user")


def test_a_chain_that_grows_carries_everybody_to_its_end(line, kit) -> None:
    connection, follow = line
    follow("one", 8, alias(kit, "a1", "new", "old", DAY / 2))
    follow("two", 7, alias(kit, "a2", "newest", "new", DAY / 2))
    assert made(connection, "user") == [
        ("bystander", "elsewhere", 1, 1),
        ("newest", "after", 3, 3),
    ]


def test_a_chain_that_closes_to_a_ring_sets_everybody_free(line, kit) -> None:
    connection, follow = line
    follow("one", 8, alias(kit, "a1", "new", "old", DAY / 2))
    follow("two", 7, alias(kit, "a2", "old", "new", DAY / 2))
    assert made(connection, "user") == [
        ("bystander", "elsewhere", 1, 1),
        ("new", "after", 1, 1),
        ("old", "before", 2, 2),
    ]
    assert kit.rows(connection, "FROM staging.merged_users") == []


def test_an_alias_that_was_earlier_but_came_later_takes_its_place(line, kit) -> None:
    connection, follow = line
    follow("one", 8, alias(kit, "a1", "new", "old", DAY / 2))
    follow("earlier", 7, alias(kit, "a2", "bystander", "old", DAY))
    assert made(connection, "user") == [
        ("bystander", "elsewhere", 3, 3),
        ("new", "after", 1, 1),
    ]


def test_before_the_alias_they_were_two(line, kit) -> None:
    connection, follow = line
    before = made(connection, "user")
    follow("alias", 8, alias(kit, "a1", "new", "old", timedelta(hours=8.5)))
    past = kit.NOW - timedelta(hours=9)
    with as_known_at(connection, past), live_schemas(connection):
        assert made(connection, "user") == before
    accounts = ["before", "after", "elsewhere"]
    with as_known_at(connection, past, accounts), live_schemas(connection):
        assert made(connection, "user") == before
