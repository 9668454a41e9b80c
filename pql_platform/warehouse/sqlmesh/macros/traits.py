"""Traits out of identify and group calls: one row per trait that a call gives."""

from sqlmesh import macro

from macros.literals import json_text, number, text


@macro()
def given_traits(evaluator, relation, key, traits):
    """One row per key, trait and instant; empty values are none.

    Of several values at one instant the greatest counts, so that the order of arrival changes
    nothing.
    """
    relation, key = relation.sql("duckdb"), key.sql("duckdb")
    rows = " UNION ALL ".join(
        f"""
        SELECT {key}, {text(trait.this)}::TEXT AS trait,
          {json_text("traits", trait.this)} AS value, occurred_at
        FROM {relation}
        """
        for trait in traits.expressions
    )
    return f"""
        SELECT {key}, trait, MAX(value) AS value, occurred_at
        FROM ({rows}) AS given
        WHERE NOT value IS NULL AND value <> ''
        GROUP BY {key}, trait, occurred_at
    """


@macro()
def trait_columns(evaluator, traits):
    """A column per trait out of rows with `trait` and `value`."""
    return [
        f"MAX(CASE WHEN trait = {text(trait.this)} THEN value END) AS {trait.this}"
        for trait in traits.expressions
    ]


@macro()
def whole_number(evaluator, value):
    """The whole part of a text that is a number; NULL when it is none."""
    return f"FLOOR({number(value.sql('duckdb'), digits=15)})"
