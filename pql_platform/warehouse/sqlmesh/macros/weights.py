"""Macros for what the values of signals are worth: points, compounds, deductions, limits.

`weights` is the part of the definition with them.
"""

from sqlmesh import macro

from macros.conditions import predicate
from macros.literals import parsed, text


@macro()
def signal_weights(evaluator, weights):
    """One row per signal: its category and its most points."""
    return " UNION ALL ".join(
        f"""
        SELECT
          {text(program["program"])}::TEXT AS program, {text(signal["name"])}::TEXT AS signal,
          {text(signal["category"])}::TEXT AS category,
          {"TRUE" if signal["lower_is_better"] else "FALSE"} AS lower_is_better,
          {signal["threshold"]}::DOUBLE AS threshold,
          {signal["max_points"]}::DOUBLE AS max_points,
          {program["half_life_days"]}::DOUBLE AS half_life_days
        """
        for program in parsed(weights)
        for signal in program["signals"]
    )


@macro()
def compound_conditions(evaluator, weights):
    """One row per condition of every compound signal."""
    rows = [
        f"""
        SELECT
          {text(program["program"])}::TEXT AS program, {text(compound["name"])}::TEXT AS compound,
          {text(signal)}::TEXT AS signal, {at_least}::DOUBLE AS at_least,
          {compound["points"]}::DOUBLE AS points, {len(compound["all"])}::BIGINT AS conditions
        """
        for program in parsed(weights)
        for compound in program["compounds"]
        for signal, at_least in compound["all"].items()
    ]
    nothing = """
        SELECT NULL::TEXT AS program, NULL::TEXT AS compound, NULL::TEXT AS signal,
          NULL::DOUBLE AS at_least, NULL::DOUBLE AS points, NULL::BIGINT AS conditions
        WHERE FALSE
    """
    return " UNION ALL ".join(rows) or nothing


@macro()
def negative_rows(evaluator, weights):
    """The points that the program takes away, by facts about the user or account."""
    rows = [
        f"""
        SELECT program, level, subject_id, account_id, NULL::TEXT AS user_id,
          {text(negative["name"])} AS signal, 'negative' AS category, NULL::DOUBLE AS value,
          ({negative["points"]})::DECIMAL(9, 2) AS points, NULL::DECIMAL(9, 2) AS max_points
        FROM features.subjects
        WHERE program = {text(program["program"])}
          AND ({predicate(negative["when"])})
        """
        for program in parsed(weights)
        for negative in program["negative"]
    ]
    nothing = """
        SELECT program, level, subject_id, account_id, NULL::TEXT AS user_id, 'none' AS signal,
          'negative' AS category, NULL::DOUBLE AS value, NULL::DECIMAL(9, 2) AS points,
          NULL::DECIMAL(9, 2) AS max_points
        FROM features.subjects WHERE FALSE
    """
    return " UNION ALL ".join(rows) or nothing


@macro()
def account_rules(evaluator, weights):
    """One row per program: what the spread across the team is worth, and the single user's cap."""
    return " UNION ALL ".join(
        f"""
        SELECT {text(program["program"])}::TEXT AS program,
          {program["spread_users"]}::DOUBLE AS spread_users,
          {program["spread_points"]}::DOUBLE AS spread_points,
          {program["single_user_cap"]}::DECIMAL(9, 2) AS single_user_cap
        """
        for program in parsed(weights)
    )
