"""Whoever somebody is today: the accounts looked at are enough to explain them at any past time."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pql_platform.answers.subjects import accounts_ever
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, rescore

PAST = timedelta(hours=4)
"""Before NOW: the instant that is asked about."""

USERS, DEVICES = st.sampled_from("abcd"), st.sampled_from(["d1", "d2", "d3"])
GROUPS = st.none() | st.sampled_from(["acme", "bolt", "acme.example.com"])
EMAILS = st.sampled_from(["x@acme.example.com", "x@bolt.example.com", "x@gmail.com"])
CALLS = st.one_of(
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["Board Created", "Board Shared"]),
            "user_id": st.none() | USERS,
            "anonymous_id": st.none() | DEVICES,
            "group_id": GROUPS,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("identify"),
            "user_id": USERS,
            "anonymous_id": st.none() | DEVICES,
            "traits": st.fixed_dictionaries({}, optional={"email": EMAILS}),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("alias"), "user_id": USERS, "previous_id": USERS | DEVICES}
    ),
)
WORLDS = st.lists(st.tuples(CALLS, st.integers(0, 20 * 24), st.booleans()), min_size=1, max_size=40)

MOVED_AND_MERGED = [
    ({"user_id": "a", "group_id": "acme", "event": "Board Created"}, 200, False),
    ({"user_id": "b", "group_id": "acme", "event": "Board Shared"}, 190, False),
    # Known under another id since, in another company, and with a device that was somebody else's.
    ({"user_id": "c", "group_id": "bolt", "event": "Board Created"}, 3, True),
    ({"type": "alias", "user_id": "c", "previous_id": "a"}, 2, True),
    ({"anonymous_id": "d1", "group_id": "bolt", "event": "Board Created"}, 180, False),
    ({"type": "identify", "user_id": "b", "anonymous_id": "d1"}, 170, False),
    ({"type": "identify", "user_id": "d", "anonymous_id": "d1"}, 175, True),
    # Alone at first, of a company since, by e-mail only.
    ({"user_id": "d", "event": "Board Created"}, 100, False),
    (
        {"type": "identify", "user_id": "d", "traits": {"email": "x@acme.example.com"}},
        1,
        True,
    ),
]


@example(world=MOVED_AND_MERGED)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=WORLDS)
def test_the_past_of_anybody_follows_from_the_accounts_they_can_have_had(
    world, copied, kit
) -> None:
    past = kit.NOW - PAST
    home = copied()
    rows = [
        kit.message(
            f"m{number:03d}",
            timedelta(hours=age),
            **{**call, "received_at": kit.NOW if late else kit.NOW - timedelta(hours=age)},
        )
        for number, (call, age, late) in enumerate(world)
    ]
    query = "FROM live.{} WHERE subject_id = ? ORDER BY ALL"
    asked = ("scores.composites", "scores.contributions", "features.subjects")
    with open_warehouse(home) as connection:
        kit.put(home, rows, "all.parquet")
        kit.load(connection, home)
        rescore(connection, kit.NOW)
        with as_known_at(connection, past):
            subjects = [
                name
                for (name,) in connection.execute(
                    "SELECT DISTINCT subject_id FROM live.features.subjects"
                ).fetchall()
            ]
            expected = {
                name: [
                    connection.execute(query.format(table), [name]).fetchall() for table in asked
                ]
                for name in subjects
            }
        for name in subjects:
            with as_known_at(connection, past, accounts_ever(connection, name)):
                found = [
                    connection.execute(query.format(table), [name]).fetchall() for table in asked
                ]
            assert found == expected[name]
