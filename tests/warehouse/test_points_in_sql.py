"""The points and conditions that SQL computes are those of their references in Python."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse_one

from pql_platform.domain.points import signal_points
from pql_platform.program.conditions import parse_condition
from pql_platform.program.lists import domain_list
from pql_platform.program.load import load_program
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.definition import _condition
from pql_platform.warehouse.rescoring import deployed_models

NUMBERS = st.one_of(
    st.integers(1, 60).map(float),
    st.integers(1, 4000).map(lambda cents: cents / 100),
    st.floats(0.01, 1e6, allow_subnormal=False),
)
CASES = st.tuples(
    st.one_of(st.just(0.0), NUMBERS),  # value
    NUMBERS,  # threshold
    st.integers(0, 400).map(lambda quarters: Decimal(quarters) / 4),  # most points
    st.integers(0, 400),  # days since last
    st.one_of(st.sampled_from([7.0, 14.0, 0.5]), st.floats(0.1, 365)),  # half life in days
    st.booleans(),  # lower is better
)


@pytest.fixture(scope="module")
def earned(deployed) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection, and the deployed query of the points with its parameters in a table."""
    with open_warehouse(deployed) as connection:
        (query,) = (
            m.query for m in deployed_models(connection) if m.model == "scores.contributions"
        )
    tree = parse_one(query, dialect="duckdb")
    ctes = {cte.alias: cte for cte in tree.ctes}
    ctes["parameters"].set("this", parse_one("SELECT * FROM parameter_rows", dialect="duckdb"))
    points = exp.select("subject_id", "points").from_("earned")
    for name in ("parameters", "earned"):
        points = points.with_(name, ctes[name].this)
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA features")
    yield connection, points.sql("duckdb")
    connection.close()


@settings(max_examples=25, deadline=None)
@given(cases=st.lists(CASES, min_size=1, max_size=100))
def test_sql_earns_the_points_of_the_domain(cases, earned) -> None:
    connection, query = earned
    connection.execute(
        "CREATE OR REPLACE TABLE parameter_rows (program TEXT, signal TEXT, category TEXT,"
        " measure TEXT, window_days BIGINT, threshold DOUBLE, max_points DOUBLE,"
        " half_life_days DOUBLE)"
    )
    connection.execute(
        "CREATE OR REPLACE TABLE features.signals (program TEXT, level TEXT, subject_id BIGINT,"
        " account_id TEXT, signal TEXT, value DOUBLE, days_since_last BIGINT)"
    )
    for number, (value, threshold, most, days, half_life, reversed_) in enumerate(cases):
        measure = "days_since_last" if reversed_ else "count"
        connection.execute(
            "INSERT INTO parameter_rows VALUES ('p', ?, 'viral', ?, 14, ?, ?, ?)",
            [str(number), measure, threshold, float(most), half_life],
        )
        connection.execute(
            "INSERT INTO features.signals VALUES ('p', 'user', ?, 'a', ?, ?, ?)",
            [number, str(number), value, days],
        )
    found = dict(connection.execute(query).fetchall())
    assert {number: Decimal(points) for number, points in found.items()} == {
        number: signal_points(value, threshold, most, days, half_life, lower_is_better=reversed_)
        for number, (value, threshold, most, days, half_life, reversed_) in enumerate(cases)
    }


CONDITIONS = [
    *(f"employees {op} 50" for op in ("==", "!=", "<", "<=", ">", ">=")),
    "users in [1, 50]",
    "users not in [1, 50]",
    "title == CEO",
    "title != ceo",
    'title in [student, \'Head of "X"\', "O\'Hara"]',
    "plan not in [free, trial]",
    "email_domain in @students",
    "email_domain not in @students",
    "email_domain in @staff",
    "email_domain in @test_accounts",
    "email_domain not in @test_accounts",
]
FACTS = [
    {"employees": number, "users": number, "title": title, "plan": plan, "email_domain": domain}
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
def test_sql_holds_a_condition_where_its_reference_does(text) -> None:
    from pql_platform.warehouse.sqlmesh.macros.signals import _predicate

    program = load_program(UNIT_PROGRAM).program
    condition = parse_condition(text)
    predicate = _predicate(_condition(condition, program))
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE facts (number BIGINT, employees BIGINT, users BIGINT, title TEXT,"
            " plan TEXT, email_domain TEXT)"
        )
        connection.executemany(
            "INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)",
            [[number, *facts.values()] for number, facts in enumerate(FACTS)],
        )
        held = connection.execute(f"SELECT number FROM facts WHERE {predicate}").fetchall()  # noqa: S608
    assert {number for (number,) in held} == {
        number
        for number, facts in enumerate(FACTS)
        if condition.holds(facts, lambda name, domain: domain in domain_list(program, name))
    }
