"""However events arrive, the live path ends with the tables that a rebuild computes."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, rescore

CLOCKS = [timedelta(hours=hours) for hours in (11, 9.9, 3, 2, 0)]
"""Before NOW: the last evening, just after midnight, and three times of the day itself."""

USERS = st.sampled_from(["ann", "bob", "cid", "dee", "old_ann", "older_ann"])
DEVICES = st.sampled_from(["d1", "d2", "d3", "d4"])
GROUPS = st.sampled_from(["acme", "bolt", "acme.example.com"])
EMAILS = st.sampled_from(
    ["x@acme.example.com", "x@BOLT.example.com", "x@gmail.com", "x@cs.mit.edu", "x@", "x", "a@b@c"]
)
MAYBE_USER, MAYBE_DEVICE, MAYBE_GROUP = (
    st.none() | strategy for strategy in (USERS, DEVICES, GROUPS)
)
# Between them they feed every measure: the unit program has one signal of each.
EVENTS = st.sampled_from(
    ["Board Created", "Board Shared", "Board Exported", "Add-on Ordered", "Plan Bought", "Other"]
)
PROPERTIES = st.sampled_from(
    [
        {},
        {"plan": {"name": "pro"}, "draft": False},
        {"plan": {"name": "pro"}, "draft": 0.0},
        {"order": {"amount": 12.5}},
        {"order": {"amount": -3}},
        {"order": {"amount": "much"}},
    ]
)
USER_TRAITS = st.fixed_dictionaries(
    {}, optional={"email": EMAILS, "name": st.sampled_from(["Ann", "Bob"]), "title": st.just("CEO")}
)
# Given again and again, so that they change with time, and arrive in another order than they do.
GROUP_TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "employees": st.sampled_from([5, 60, "700", "many", ""]),
        "plan": st.sampled_from(["trial", "Free", "team", None]),
        "funding": st.sampled_from(["seed", "series A"]),
        "domain": st.sampled_from(["acme.example.com", "rival.example.com"]),
    },
)
CALLS = st.one_of(
    st.fixed_dictionaries(
        {
            "event": EVENTS,
            "user_id": MAYBE_USER,
            "anonymous_id": MAYBE_DEVICE,
            "group_id": MAYBE_GROUP,
            "properties": PROPERTIES,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("identify"),
            "user_id": USERS,
            "anonymous_id": MAYBE_DEVICE,
            "traits": USER_TRAITS,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("group"),
            "user_id": MAYBE_USER,
            "anonymous_id": MAYBE_DEVICE,
            "group_id": GROUPS,
            "traits": GROUP_TRAITS,
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("alias"), "user_id": USERS, "previous_id": st.one_of(DEVICES, USERS)}
    ),
)
# In quarters of an hour, so that ties and visits of exactly 30 minutes occur.
AGES = st.one_of(st.integers(0, 60), st.integers(0, 35 * 96)).map(
    lambda quarters: timedelta(minutes=15 * quarters)
)
LAGS = st.sampled_from([timedelta(0), timedelta(minutes=5), timedelta(hours=8), timedelta(days=3)])
FILES = st.integers(0, len(CLOCKS) - 1)
DELIVERIES = st.tuples(CALLS, AGES, LAGS, FILES, st.none() | FILES)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
WORLDS = st.lists(DELIVERIES, min_size=1, max_size=60)


def files_of(world: list[Any], kit: SimpleNamespace) -> list[list[dict[str, Any]]]:
    """The inbox files of a world: each message in one of them, some in a second one too."""
    files: list[list[dict[str, Any]]] = [[] for _ in CLOCKS]
    for position, (call, age, lag, first, second) in enumerate(world):
        row = kit.message(f"m{position:03d}", age, **{**call, "received_at": kit.NOW - age + lag})
        files[first].append(row)
        if second is not None:
            files[second].append(row)
    return files


ACME_EMAIL = {"email": "x@acme.example.com"}


def told(call: dict[str, Any], days: float, file: int) -> tuple[Any, ...]:
    """A delivery at once, so many days ago, in one file."""
    return call, timedelta(days=days), timedelta(0), file, None


PEOPLE_WHO_MOVED = [
    # A member of acme by an anonymous visit long ago: touching acme must not bring them back.
    told({"anonymous_id": "d1", "group_id": "acme"}, 9, 0),
    told({"type": "identify", "user_id": "bob", "anonymous_id": "d1"}, 8, 0),
    told({"user_id": "bob", "group_id": "bolt"}, 7, 0),
    told({"user_id": "ann", "group_id": "acme"}, 0.05, 4),
    # A colleague by e-mail once, who shares a device with one who still is.
    told({"type": "identify", "user_id": "cid", "anonymous_id": "d2", "traits": ACME_EMAIL}, 9, 0),
    told({"user_id": "cid", "group_id": "elsewhere"}, 8, 0),
    told({"user_id": "dee", "anonymous_id": "d2"}, 7, 0),
    told({"user_id": "dee", "group_id": "acme.example.com"}, 0.05, 4),
    # A late link takes the latest visit away, and the one before it was under an alias.
    told({"anonymous_id": "d3", "group_id": "first"}, 9, 0),
    told({"type": "alias", "user_id": "eve", "previous_id": "d3"}, 8, 0),
    told({"anonymous_id": "d4", "group_id": "second"}, 7, 0),
    told({"type": "identify", "user_id": "eve", "anonymous_id": "d4"}, 6, 0),
    told({"type": "identify", "user_id": "fay", "anonymous_id": "d4"}, 6.5, 4),
]

PEOPLE_WHO_ARE_ONE = [
    # A chain whose middle comes last, one end of it in another account and by a device.
    told({"user_id": "older_ann", "group_id": "acme", "anonymous_id": "d1"}, 9, 0),
    told({"user_id": "old_ann", "group_id": "bolt"}, 8, 0),
    told({"user_id": "ann"}, 7, 0),
    told({"type": "alias", "user_id": "ann", "previous_id": "old_ann"}, 6, 2),
    told({"anonymous_id": "d1"}, 5, 3),
    told({"type": "alias", "user_id": "old_ann", "previous_id": "older_ann"}, 6, 4),
    # A merge that a ring undoes, and an alias of a device that is a user too.
    told({"type": "alias", "user_id": "bob", "previous_id": "cid"}, 4, 2),
    told({"type": "alias", "user_id": "cid", "previous_id": "bob"}, 3, 3),
    told({"type": "alias", "user_id": "cid", "previous_id": "d2"}, 3, 3),
    told({"user_id": "d2", "anonymous_id": "d2", "group_id": "acme"}, 2, 4),
    # Company facts that arrive in another order than they were true.
    told({"type": "group", "group_id": "acme", "traits": {"employees": 700}}, 2, 2),
    told({"type": "group", "group_id": "acme", "traits": {"employees": 5, "plan": "trial"}}, 3, 4),
]


@example(world=PEOPLE_WHO_ARE_ONE)
@example(world=PEOPLE_WHO_MOVED)
@settings(max_examples=5, deadline=None, suppress_health_check=SLOW)
@given(world=WORLDS)
def test_any_split_order_and_repetition_ends_in_the_same_tables(world, copied, kit) -> None:
    files = files_of(world, kit)
    live, whole = copied(), copied()
    with open_warehouse(live) as connection:
        for position, (batch, before) in enumerate(zip(files, CLOCKS, strict=True)):
            kit.put(live, batch, f"{position}.parquet")
            kit.load(connection, live)
            rescored = rescore(connection, kit.NOW - before)
            assert (rescored.scope == "all") is (position < 2)
        found = kit.tables(connection)
    with open_warehouse(whole) as connection:
        kit.put(whole, [row for batch in files for row in batch], "all.parquet")
        kit.load(connection, whole)
        assert rescore(connection, kit.NOW).scope == "all"
        expected = kit.tables(connection)
    assert found == expected


ACCOUNT_COLUMNS = {"staging.accounts": 0, "features.signals": 3, "scores.contributions": 3}
"""Where account_id stands; a name or a domain may be the same text."""


@example(world=PEOPLE_WHO_ARE_ONE)
@example(world=PEOPLE_WHO_MOVED)
@settings(max_examples=3, deadline=None, suppress_health_check=SLOW)
@given(world=WORLDS)
def test_what_was_known_in_the_past_stays_as_it_was(world, copied, kit) -> None:
    past = kit.NOW - timedelta(hours=4)
    messages = [row for file in files_of(world, kit) for row in file]
    early = [row for row in messages if row["received_at"] <= past.replace(tzinfo=None)]
    late = [row for row in messages if row not in early]
    settings_ = copied()
    with open_warehouse(settings_) as connection:
        kit.put(settings_, early, "early.parquet")
        kit.load(connection, settings_)
        rescore(connection, past)
        then = kit.tables(connection)
        kit.put(settings_, late, "late.parquet")
        kit.load(connection, settings_)
        rescore(connection, kit.NOW)
        now = kit.tables(connection)
        with as_known_at(connection, past):
            assert kit.tables(connection, "live") == then
        accounts = sorted(account for account, *_ in then["staging.accounts"])[:2]
        with as_known_at(connection, past, accounts):
            for model, position in ACCOUNT_COLUMNS.items():
                wanted = f"FROM live.{model} WHERE account_id IN (SELECT UNNEST(?))"
                found = connection.execute(wanted, [accounts]).fetchall()
                assert sorted(found, key=repr) == [
                    row for row in then[model] if row[position] in accounts
                ]
        assert kit.tables(connection) == now
