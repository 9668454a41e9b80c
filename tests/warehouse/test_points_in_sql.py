"""The points and conditions that SQL computes are those of their references in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse_one

from pql_platform.domain.points import (
    SPREAD,
    TEAM_SPREAD,
    Contribution,
    account_limit,
    compose,
    signal_points,
    spread_points,
)
from pql_platform.program.conditions import parse_condition
from pql_platform.program.lists import domain_list
from pql_platform.program.load import load_program
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.definition import _condition
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.project import PROJECT

NUMBERS = st.one_of(
    st.integers(1, 60).map(float),
    st.integers(1, 4000).map(lambda cents: cents / 100),
    st.floats(0.01, 1e6, allow_subnormal=False),
)
QUARTERS = st.integers(0, 400).map(lambda quarters: Decimal(quarters) / 4)
CASES = st.tuples(
    st.one_of(st.just(0.0), NUMBERS),  # value
    NUMBERS,  # threshold
    QUARTERS,  # most points
    st.integers(0, 400),  # days since last
    st.one_of(st.sampled_from([7.0, 14.0, 0.5]), st.floats(0.1, 365)),  # half life in days
    st.booleans(),  # lower is better
)


@pytest.fixture(scope="module")
def features(deployed) -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables of features in memory, and tables that stand in for two parts of the program."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA features")
        connection.execute(
            "CREATE TABLE features.signals (program TEXT, level TEXT, subject_id TEXT,"
            " account_id TEXT, user_id TEXT, signal TEXT, value DOUBLE, days_since_last BIGINT)"
        )
        connection.execute(
            "CREATE TABLE features.subjects (program TEXT, level TEXT, subject_id TEXT,"
            " account_id TEXT, email_domain TEXT, employees BIGINT, engaged_users BIGINT)"
        )
        connection.execute(
            "CREATE TABLE weight_rows (program TEXT, signal TEXT, category TEXT,"
            " lower_is_better BOOLEAN, threshold DOUBLE, max_points DOUBLE, half_life_days DOUBLE)"
        )
        connection.execute(
            "CREATE TABLE rule_rows (program TEXT, spread_users DOUBLE, spread_points DOUBLE,"
            " single_user_cap DECIMAL(9, 2))"
        )
        yield connection


@pytest.fixture(scope="module")
def contributions(deployed) -> Callable[..., exp.Query]:
    """The deployed query of the contributions, with tables in place of some of its parts."""
    with open_warehouse(deployed) as connection:
        (query,) = (
            m.query for m in deployed_models(connection) if m.model == "scores.contributions"
        )

    def standing_in(**tables: str) -> exp.Query:
        tree = parse_one(query, dialect="duckdb")
        for cte in tree.ctes:
            if cte.alias in tables:
                cte.set("this", exp.select("*").from_(tables[cte.alias]))
        return tree

    return standing_in


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[list[object]]) -> None:
    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names written in this file
    if rows:
        places = ", ".join("?" for _ in rows[0])
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608


@settings(max_examples=25, deadline=None)
@given(cases=st.lists(CASES, min_size=1, max_size=40))
def test_sql_earns_the_points_of_the_domain(cases, features, contributions) -> None:
    fill(
        features,
        "weight_rows",
        [
            ["p", str(number), "viral", reversed_, threshold, float(most), half_life]
            for number, (_, threshold, most, _, half_life, reversed_) in enumerate(cases)
        ],
    )
    fill(
        features,
        "features.signals",
        [
            ["p", "user", str(number), "a", "u", str(number), value, days]
            for number, (value, _, _, days, _, _) in enumerate(cases)
        ],
    )
    tree = contributions(weights="weight_rows")
    earned = exp.select("subject_id", "points").from_("earned")
    for cte in tree.ctes[: [cte.alias for cte in tree.ctes].index("earned") + 1]:
        earned = earned.with_(cte.alias, cte.this)
    found = dict(features.execute(earned.sql("duckdb")).fetchall())
    assert {number: Decimal(points) for number, points in found.items()} == {
        str(number): signal_points(
            value, threshold, most, days, half_life, lower_is_better=reversed_
        )
        for number, (value, threshold, most, days, half_life, reversed_) in enumerate(cases)
    }


UNIT = load_program(UNIT_PROGRAM).program
SUBJECTS = st.fixed_dictionaries(
    {
        "level": st.sampled_from(["user", "account"]),
        "email_domain": st.sampled_from([None, "cs.mit.edu", "acme.example.com"]),
        "employees": st.sampled_from([None, 9, 10]),
        "engaged_users": st.integers(0, 8),
        "values": st.dictionaries(
            st.sampled_from([signal.name for signal in UNIT.signals]),
            st.tuples(st.sampled_from([0.0, 1.0, 2.0, 3.0, 100.0]), st.integers(0, 3)),
        ),
    }
)
RULES = st.tuples(st.integers(2, 7), QUARTERS, QUARTERS)


def contributions_of(subject: dict, rule: tuple) -> set[tuple]:
    """Name, category and points of every reason for a score, straight from the formulas."""
    spread_users, most_for_spread, single_user_cap = rule
    is_account = subject["level"] == "account"
    values = {name: value for name, (value, _) in subject["values"].items()}
    reasons = [
        Contribution(
            signal.name,
            signal.category,
            signal_points(
                values[signal.name],
                signal.threshold,
                UNIT.max_points[signal.name],
                subject["values"][signal.name][1],
                UNIT.half_life_days,
                lower_is_better=signal.lower_is_better,
            ),
        )
        for signal in UNIT.signals
        if signal.name in values
    ]
    (rollout,) = UNIT.compounds
    if values.keys() >= set(rollout.all) and all(
        values[name] <= least if name == "recency" else values[name] >= least
        for name, least in rollout.all.items()
    ):
        reasons.append(Contribution(rollout.name, "compound", rollout.points))
    reasons += [
        Contribution(penalty.name, "negative", penalty.points)
        for penalty in UNIT.negative
        if penalty.when.holds(subject, lambda name, domain: domain in domain_list(UNIT, name))
    ]
    highest = cap = None
    if is_account:
        points = spread_points(subject["engaged_users"], spread_users, most_for_spread)
        reasons.append(Contribution(TEAM_SPREAD, SPREAD, points))
        highest, cap = account_limit(subject["engaged_users"], single_user_cap)
    limits = {"highest": highest, "cap": cap} if is_account else {}
    _, limited = compose([reason for reason in reasons if reason.points], **limits)
    return {(reason.name, reason.category, reason.points) for reason in limited}


@settings(max_examples=25, deadline=None)
@given(subjects=st.lists(SUBJECTS, min_size=1, max_size=20), rule=RULES)
def test_sql_composes_the_score_of_the_domain(subjects, rule, features, contributions) -> None:
    fill(features, "rule_rows", [["unit", rule[0], float(rule[1]), rule[2]]])
    fill(
        features,
        "features.subjects",
        [
            [
                "unit",
                subject["level"],
                str(number),
                "a",
                *(subject[key] for key in ("email_domain", "employees", "engaged_users")),
            ]
            for number, subject in enumerate(subjects)
        ],
    )
    fill(
        features,
        "features.signals",
        [
            ["unit", subject["level"], str(number), "a", None, name, value, days]
            for number, subject in enumerate(subjects)
            for name, (value, days) in subject["values"].items()
        ],
    )
    query = contributions(rules="rule_rows").sql("duckdb")
    found: dict[str, set[tuple]] = {str(number): set() for number in range(len(subjects))}
    for number, *reason in features.execute(
        f"SELECT subject_id, signal, category, points FROM ({query})"  # noqa: S608
    ).fetchall():
        found[number].add(tuple(reason))
    for number, subject in enumerate(subjects):
        assert found[str(number)] == contributions_of(subject, rule)
        total = sum(points for _, _, points in found[str(number)])
        assert 0 <= total <= 100


CONDITIONS = [
    *(f"employees {op} 50" for op in ("==", "!=", "<", "<=", ">", ">=")),
    "users in [1, 50]",
    "users not in [1, 50]",
    "title == CEO",
    "title != ceo",
    'title in [student, \'Head of "X"\', "O\'Hara"]',
    "plan not in [free, trial]",
    "funding in [free, trial]",
    "funding != free",
    "email_domain in @students",
    "email_domain not in @students",
    "email_domain in @staff",
    "email_domain in @test_accounts",
    "email_domain not in @test_accounts",
]
FACTS = [
    {
        "employees": number,
        "users": number,
        "title": title,
        "plan": plan,
        "funding": plan,
        "email_domain": domain,
    }
    for number in (None, 1, 49, 50, 51)
    for title, plan, domain in [
        (None, None, None),
        ("ceo", "FREE", "cs.mit.edu"),
        (" CEO ", "  ", "mit.edu"),
        ("Student", "team", "unit.example.com"),
        ('head of "x"', "trial", "notmit.edu"),
        ("o'hara", "free", "a.unit.example.com"),
    ]
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_sql_holds_a_condition_where_its_reference_does(text, monkeypatch) -> None:
    # The macros import one another as SQLMesh imports them: from the folder of the project.
    monkeypatch.syspath_prepend(PROJECT)
    from macros.conditions import predicate

    condition = parse_condition(text)
    held_by_sql = predicate(_condition(condition, UNIT))
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE facts (number BIGINT, employees BIGINT, users BIGINT, title TEXT,"
            " plan TEXT, funding TEXT, email_domain TEXT)"
        )
        connection.executemany(
            "INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)",
            [[number, *facts.values()] for number, facts in enumerate(FACTS)],
        )
        held = connection.execute(f"SELECT number FROM facts WHERE {held_by_sql}").fetchall()  # noqa: S608
    assert {number for (number,) in held} == {
        number
        for number, facts in enumerate(FACTS)
        if condition.holds(facts, lambda name, domain: domain in domain_list(UNIT, name))
    }
