"""Whoever takes part in the benchmark computes the scores of the definitions, to the last digit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.dataset import write_dataset
from benchmarks.floor import floor
from benchmarks.reference import reference_scores
from benchmarks.scores import SCHEMA, differences, read_scores
from pql_platform.intake.schema import INBOX_SCHEMA

AS_OF = datetime(2026, 3, 4, 15, tzinfo=UTC)
NOW = AS_OF.replace(tzinfo=None)
Message = tuple[str, bool, str, int, str]
Contender = Callable[[Path], pa.Table]


def score_with_floor(folder: Path) -> pa.Table:
    with TemporaryDirectory() as home:
        floor(folder, AS_OF, Path(home) / "floor.duckdb")
        return read_scores(Path(home) / "floor.duckdb")


def score_with_polars(folder: Path) -> pa.Table:
    from benchmarks.polars_line import score_with_polars

    return score_with_polars(folder, AS_OF)


def score_with_dbt(folder: Path) -> pa.Table:
    from benchmarks.dbt_line import run_dbt

    with TemporaryDirectory() as home:
        run_dbt(folder, AS_OF, Path(home) / "dbt.duckdb")
        return read_scores(Path(home) / "dbt.duckdb")


NEEDS = {score_with_polars: "polars", score_with_dbt: "dbt.adapters.duckdb"}


def taking_part(request: pytest.FixtureRequest) -> Contender:
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param], reason="comes with the extra [bench]")
    contender: Contender = request.param
    return contender


QUICK = [score_with_floor, score_with_polars]
quick_contender = pytest.fixture(scope="module", params=QUICK)(taking_part)
any_contender = pytest.fixture(scope="module", params=[*QUICK, score_with_dbt])(taking_part)


# Who takes part: user -> device, group, traits. As in the data set, each has one of them for ever.
MEMBERS = {
    "ann": ("d1", "acme", {"email": "ann@acme.example"}),
    "bob": ("d2", "acme", {"email": "bob@CS.uni.edu"}),
    "cid": ("d3", "acme", {}),
    "dee": ("d4", "school", {"email": "dee@dept.school.ac.uk"}),
    "eve": ("d5", None, {"email": "eve@works.example"}),
    "fay": ("d6", None, {"email": "fay@works.example"}),
    "gus": ("d7", None, {"email": "gus@gmail.com"}),
    "hal": ("d8", None, {"email": "hal@lab.college.edu"}),
    "ida": ("d9", "acme", {"email": "ida@acme.example"}),
    "jon": ("d10", "acme", {"email": "jon@acme.example"}),
}
COMPANIES = {"acme": {"domain": "ACME.example"}, "school": {}, "robots": {}}
EVENTS = (
    *("Board Created", "Board Created", "Integration Connected", "Teammate Invited"),
    *("Export Limit Reached", "Comment Added", "Board Viewed", "page:Pricing"),
)

# A message: who (a member, or nobody), with a login or not, what, how many times five minutes ago
# (some lie ahead of the clock), and how it is delivered; what is late comes after the clock.
MESSAGES = st.tuples(
    st.sampled_from([*MEMBERS, "stranger", "acme", "robots"]),
    st.booleans(),
    st.sampled_from(EVENTS),
    st.one_of(st.integers(-2, 150), st.integers(0, 34 * 288)),
    st.sampled_from(["once", "once", "twice", "late", "early"]),
)
BUSY_TEAM = [
    (member, True, event, 288 * day + 12 * hour, "twice" if hour == 3 else "once")
    for member in ("ann", "ida", "jon", "cid", "bob")
    for day in range(5)
    for hour, event in enumerate(EVENTS)
]
ALONE = [message for message in BUSY_TEAM if message[0] == "ann"]
HALF_HOUR_APART = [("gus", step % 3 > 0, "Comment Added", 6 * step, "once") for step in range(40)]
UNKNOWN = [("gus", True, "Board Created", 1, "late"), ("gus", True, "Board Created", -1, "early")]
LOGGED_OUT_BETWEEN = [("gus", ago != 11, "Comment Added", ago, "once") for ago in (12, 11, 7, 2)]


def rows(world: list[Message]) -> Iterator[dict[str, Any]]:
    numbers = count()
    long_ago = AS_OF - timedelta(days=35)
    for user, (device, group, traits) in MEMBERS.items():
        ids = {"user_id": user, "anonymous_id": device, "group_id": group}
        yield row(next(numbers), long_ago, type="identify", traits=traits, **ids)
    for group, traits in COMPANIES.items():
        yield row(next(numbers), long_ago, type="group", traits=traits, group_id=group)
    for who, logged_in, event, ago, delivery in world:
        device, group, _ = MEMBERS.get(who, ("d0", who, {}))
        ids = {"user_id": who, "anonymous_id": device, "group_id": group}
        if who in COMPANIES:
            ids = {"group_id": who}
        elif who not in MEMBERS or not logged_in:
            ids = {"anonymous_id": device}
        happened = AS_OF - timedelta(minutes=5) * ago
        said = row(next(numbers), happened, event=event, type="track", **ids)
        if delivery == "late":
            said["received_at"] = NOW + timedelta(hours=1)
        if delivery == "early":  # from a device whose clock runs ahead
            said["received_at"] = min(said["occurred_at"], NOW)
        yield said
        if delivery == "twice":
            yield {**said, "received_at": said["received_at"] + timedelta(minutes=1)}


def row(number: int, at: datetime, **given: Any) -> dict[str, Any]:
    occurred = at.replace(tzinfo=None)
    message_id = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    return {
        "message_id": message_id,
        "content_hash": message_id,
        "source": "segment",
        "event": f"${given['type']}",
        "occurred_at": occurred,
        "received_at": occurred,
        "properties": "{}",
        **given,
        "traits": json.dumps(given.get("traits", {})),
    }


def write_world(folder: Path, world: list[Message]) -> None:
    everything = sorted(rows(world), key=lambda said: said["received_at"])
    for number, part in enumerate(
        (everything[: len(everything) // 2], everything[len(everything) // 2 :])
    ):
        pq.write_table(
            pa.Table.from_pylist(part, schema=INBOX_SCHEMA), folder / f"{number}.parquet"
        )


@example(world=BUSY_TEAM)
@example(world=ALONE)
@example(world=HALF_HOUR_APART)
@example(world=LOGGED_OUT_BETWEEN)
@example(world=UNKNOWN)
@settings(max_examples=8, deadline=None)
@given(world=st.lists(MESSAGES, max_size=80))
def test_any_world_is_scored_as_the_definitions_say(quick_contender: Contender, world) -> None:
    with TemporaryDirectory() as folder:
        write_world(Path(folder), world)
        expected = reference_scores(Path(folder), AS_OF)
        assert differences(quick_contender(Path(folder)), expected) == []


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, events=20_000, accounts=60, days=60, seed=5, end=AS_OF)
    return folder


@pytest.fixture(scope="module")
def expected(dataset: Path) -> pa.Table:
    return reference_scores(dataset, AS_OF)


def test_the_data_set_is_scored_as_the_definitions_say(
    any_contender: Contender, dataset: Path, expected: pa.Table
) -> None:
    assert differences(any_contender(dataset), expected) == []


def test_the_data_set_holds_what_makes_scores_differ(expected: pa.Table) -> None:
    scores: dict[str, list[Decimal]] = {"user": [], "account": []}
    for found in expected.to_pylist():
        scores[found["level"]].append(found["score"])
    assert min(scores["account"]) == 0
    assert max(scores["account"]) > 75
    assert len(set(scores["account"])) > 20
    assert len(set(scores["user"])) > 20


def test_differences_name_every_row_that_is_not_equal() -> None:
    def table(*scores: tuple[str, str, str]) -> pa.Table:
        return pa.Table.from_pylist(
            [{"level": a, "subject_id": b, "score": Decimal(c)} for a, b, c in scores], SCHEMA
        )

    a = table(("user", "ann", "1.00"), ("user", "bob", "2.25"), ("account", "acme", "3.00"))
    b = table(("user", "ann", "1.25"), ("user", "bob", "2.25"), ("user", "bob", "2.25"))
    assert differences(a, a) == []
    assert differences(a, b) == [
        ("account", "acme", Decimal("3.00"), None),
        ("user", "ann", Decimal("1.00"), Decimal("1.25")),
        ("user", "bob", None, Decimal("2.25")),
    ]
