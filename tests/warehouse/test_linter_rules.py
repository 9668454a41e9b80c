"""Our own lint rule on units: what the description of a column must say, and what is refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest
from sqlmesh.core.dialect import parse
from sqlmesh.core.model import load_sql_based_model

from pql_platform.warehouse.project import PROJECT, sqlmesh_config

DESCRIBED = {
    "score": "Composite score, points",
    "seen_at": "Latest event that fed a signal, UTC",
    "day": "Day on which it happened, UTC",
    "subject_id": "user_id or account_id",
    "is_paying": "Whether the account has converted, boolean",
}


@pytest.fixture(scope="module")
def lint() -> Callable[..., str | None]:
    """Says what the rule has against a model whose columns are described like this."""
    spec = importlib.util.spec_from_file_location("units", PROJECT / "linter" / "units.py")
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    rule = rules.NoMissingColumnUnits(None)

    def check(**changed: str) -> str | None:
        descriptions = ", ".join(
            f"{name} = '{says}'" for name, says in (DESCRIBED | changed).items()
        )
        definition = f"""
            MODEL (name some.model, kind FULL, column_descriptions ({descriptions}));
            SELECT 1.25::DECIMAL(9, 2) AS score, NULL::TIMESTAMP AS seen_at, NULL::DATE AS day,
              'a'::TEXT AS subject_id, TRUE::BOOLEAN AS is_paying, 1::BIGINT AS not_described
            """
        model = load_sql_based_model(parse(definition, default_dialect="duckdb"), dialect="duckdb")
        violation = rule.check_model(model)
        return violation.violation_msg if violation else None

    return check


def test_the_project_is_linted_with_the_rule(kit, tmp_path) -> None:
    assert "nomissingcolumnunits" in sqlmesh_config(kit.settings_of(tmp_path)).linter.rules


def test_a_model_that_names_its_units_passes(lint) -> None:
    assert lint() is None


@pytest.mark.parametrize(
    ("column", "description"),
    [
        ("score", "Composite score, 0 to 100"),
        ("score", "The points that are not given away"),
        ("score", "Composite score, UTC"),
        ("seen_at", "Latest event that fed a signal"),
        ("day", "Day on which it happened, days"),
        ("subject_id", "Whose score it is"),
        ("is_paying", "Whether the account has converted"),
    ],
)
def test_a_description_without_the_unit_of_its_kind_of_column_is_refused(
    column, description, lint
) -> None:
    message = lint(**{column: description})
    assert message.startswith(f"some.model: {column} must name one of ")


@pytest.mark.parametrize(
    ("column", "description"),
    [
        ("score", "Points: the sum of the contributions"),
        ("score", "Composite score, 0 to 100 in quarter points; never negative"),
        ("score", "Categories with something in them, count of 4"),
        ("score", "Sum of the property, unit of the property"),
        ("seen_at", "Latest event that fed a signal, UTC; empty for none"),
        ("subject_id", "Name of the signal in the program file"),
        ("subject_id", "Event properties, JSON text"),
    ],
)
def test_a_description_that_says_what_counts_as_one_passes(column, description, lint) -> None:
    assert lint(**{column: description}) is None


def test_all_columns_at_fault_are_named_at_once_by_their_kind(lint) -> None:
    message = lint(seen_at="When it was", day="When it was", subject_id="Who it was")
    assert "seen_at, day must name one of UTC" in message
    assert "subject_id must name one of id, name" in message
