"""Macros that turn the program files into SQL: signals, compounds and deductions.

Each takes the compiled definition (`pql_platform.warehouse.definition`) as JSON text and returns
the SQL of one query. What a program may say is checked where programs are loaded, not here.
"""

import json
import re

from sqlglot import exp
from sqlmesh import macro


def _programs(definition):
    return json.loads(definition.this if isinstance(definition, exp.Literal) else str(definition))


def _text(value):
    return exp.Literal.string(str(value)).sql("duckdb")


def _json_path(dotted):
    return _text("$" + "".join(f'."{key}"' for key in dotted.split(".")))


def _matches(events, where):
    """SQL condition on staging.events for a list of names and a mapping of property paths."""
    conditions = [f"events.event IN ({', '.join(_text(name) for name in events)})"]
    for path, allowed in where.items():
        column = f"JSON_EXTRACT_STRING(events.properties, {_json_path(path)})"
        conditions.append(f"{column} IN ({', '.join(_text(value) for value in allowed)})")
    return " AND ".join(conditions)


def _event_days(program, signal):
    total = "NULL"
    if signal["property"]:
        value = f"JSON_EXTRACT_STRING(events.properties, {_json_path(signal['property'])})"
        # Decimals add up to the same in any order; doubles do not.
        # An event without the property adds nothing; NULL would leave the whole value unknown.
        total = f"COALESCE(SUM(TRY_CAST({value} AS DECIMAL(28, 6))), 0)"
    return f"""
        SELECT
          {_text(program)}::TEXT AS program, {_text(signal["name"])}::TEXT AS signal,
          events.account_id::TEXT AS account_id, events.user_id::TEXT AS user_id,
          events.day::DATE AS day, COUNT(*)::BIGINT AS occurrences, ({total})::DECIMAL(38, 6) AS total,
          MIN(events.occurred_at)::TIMESTAMP AS first_at,
          MAX(events.occurred_at)::TIMESTAMP AS last_at
        FROM staging.events AS events
        WHERE {_matches(signal["events"], signal["where"])}
        GROUP BY events.account_id, events.user_id, events.day
    """


def _session_days(program, signal):
    return f"""
        SELECT
          {_text(program)}::TEXT AS program, {_text(signal["name"])}::TEXT AS signal,
          sessions.account_id::TEXT AS account_id, sessions.user_id::TEXT AS user_id,
          sessions.day::DATE AS day, COUNT(*)::BIGINT AS occurrences,
          SUM(sessions.seconds)::DECIMAL(38, 6) AS total,
          MIN(sessions.session_started_at)::TIMESTAMP AS first_at,
          MAX(sessions.session_started_at)::TIMESTAMP AS last_at
        FROM features.sessions AS sessions
        INNER JOIN (
          SELECT DISTINCT events.account_id, events.user_id, events.session_started_at
          FROM staging.events AS events
          WHERE {_matches(signal["events"], signal["where"])}
        ) AS meaningful
          ON sessions.account_id = meaningful.account_id
          AND sessions.user_id = meaningful.user_id
          AND sessions.session_started_at = meaningful.session_started_at
        GROUP BY sessions.account_id, sessions.user_id, sessions.day
    """


@macro()
def signal_days(evaluator, definition):
    """One roll-up query per signal, united."""
    queries = [
        _session_days(program["program"], signal)
        if signal["measure"] in ("sessions", "minutes_per_session")
        else _event_days(program["program"], signal)
        for program in _programs(definition)
        for signal in program["signals"]
    ]
    return " UNION ALL ".join(queries)


@macro()
def signal_rows(evaluator, definition):
    """The parameters of every signal as rows."""
    rows = [
        f"""
        SELECT
          {_text(program["program"])}::TEXT AS program, {_text(signal["name"])}::TEXT AS signal,
          {_text(signal["category"])}::TEXT AS category, {_text(signal["measure"])}::TEXT AS measure,
          {signal["window_days"]}::BIGINT AS window_days,
          {signal["threshold"]}::DOUBLE AS threshold,
          {signal["max_points"]}::DOUBLE AS max_points,
          {program["half_life_days"]}::DOUBLE AS half_life_days
        """
        for program in _programs(definition)
        for signal in program["signals"]
    ]
    return " UNION ALL ".join(rows)


def _is_reversed(program, signal):
    """TRUE where reaching a value means at most that value: days since the last activity."""
    measures = {item["name"]: item["measure"] for item in program["signals"]}
    return "TRUE" if measures[signal] == "days_since_last" else "FALSE"


@macro()
def compound_rows(evaluator, definition):
    """One row per condition of every compound signal."""
    rows = [
        f"""
        SELECT
          {_text(program["program"])}::TEXT AS program, {_text(compound["name"])}::TEXT AS compound,
          {_text(signal)}::TEXT AS signal, {at_least}::DOUBLE AS at_least,
          {_is_reversed(program, signal)} AS lower_is_better,
          {compound["points"]}::DOUBLE AS points, {len(compound["all"])}::BIGINT AS conditions
        """
        for program in _programs(definition)
        for compound in program["compounds"]
        for signal, at_least in compound["all"].items()
    ]
    nothing = """
        SELECT NULL::TEXT AS program, NULL::TEXT AS compound, NULL::TEXT AS signal,
          NULL::DOUBLE AS at_least, NULL::BOOLEAN AS lower_is_better,
          NULL::DOUBLE AS points, NULL::BIGINT AS conditions
        WHERE FALSE
    """
    return " UNION ALL ".join(rows) or nothing


def _member(column, listed):
    """SQL condition: the domain stands on the list, or below one of its suffixes."""
    ways = []
    if listed["suffixes"]:
        # One pattern: 175 suffixes as LIKEs cost SQLMesh seconds to render.
        endings = "|".join(re.escape(suffix) for suffix in listed["suffixes"])
        ways.append(f"COALESCE(REGEXP_MATCHES({column}, {_text(rf'[.]({endings})$')}), FALSE)")
    if listed["domains"]:
        ways.append(f"{column} IN ({', '.join(_text(name) for name in listed['domains'])})")
    return "(" + (" OR ".join(ways) or "FALSE") + ")"


def _literal(value):
    return value["number"] if isinstance(value, dict) else _text(value)


def _predicate(condition):
    """SQL of one condition; text is compared without regard to case, as programs are read."""
    column, operator = condition["field"], condition["op"]
    if "list" in condition:
        member = _member(column, condition["list"])
        return f"NOT {column} IS NULL AND NOT {member}" if operator == "not in" else member
    values = condition["values"]
    if not isinstance(values[0], dict):
        column = f"NULLIF(TRIM(LOWER({column})), '')"
    if operator in ("in", "not in"):
        return f"{column} {operator.upper()} ({', '.join(_literal(value) for value in values)})"
    return f"{column} {'=' if operator == '==' else operator} {_literal(values[0])}"


@macro()
def negative_rows(evaluator, definition):
    """The points that the program takes away, by facts about the user or account."""
    rows = [
        f"""
        SELECT program, level, subject_id, account_id, {_text(negative["name"])} AS signal,
          'negative' AS category, NULL AS value,
          ({negative["points"]})::DECIMAL(9, 2) AS points, NULL AS max_points
        FROM features.subjects
        WHERE program = {_text(program["program"])}
          AND ({_predicate(negative["when"])})
        """
        for program in _programs(definition)
        for negative in program["negative"]
    ]
    nothing = """
        SELECT program, level, subject_id, account_id, 'none' AS signal, 'negative' AS category,
          NULL AS value, NULL::DECIMAL(9, 2) AS points, NULL AS max_points
        FROM features.subjects WHERE FALSE
    """
    return " UNION ALL ".join(rows) or nothing


def _cases(definition, branches):
    """A CASE over the programs, each with its own inner CASE; NULL where no branch holds.

    A branch without a condition takes the rest. It must be an ELSE: of a CASE with WHEN TRUE
    SQLGlot 30.8 keeps only that branch, and forgets those before it.
    """
    cases = []
    for program in _programs(definition):
        rest = [_text(then) for when, then in branches(program) if when is None] or ["NULL"]
        inner = " ".join(
            f"WHEN {when} THEN {_text(then)}" for when, then in branches(program) if when
        )
        result = f"CASE {inner} ELSE {rest[0]} END" if inner else rest[0]
        cases.append(f"WHEN program = {_text(program['program'])} THEN {result}")
    return f"CASE {' '.join(cases)} END"


@macro()
def segment(evaluator, definition):
    """The first segment of the program whose condition holds; the last one takes the rest."""
    return _cases(
        definition,
        lambda program: [
            (_predicate(segment["when"]) if segment["when"] else None, segment["name"])
            for segment in program["segments"]
        ],
    )


@macro()
def excluded_as(evaluator, definition):
    """The first exclusion list on which the e-mail domain or the account's domain stands."""
    return _cases(
        definition,
        lambda program: [
            (
                f"{_member('email_domain', excluded['list'])}"
                f" OR {_member('account_domain', excluded['list'])}",
                excluded["name"],
            )
            for excluded in program["exclude"]
        ],
    )


@macro()
def unfit_because(evaluator, definition):
    """The first fit requirement that is not known to hold; an unknown fact does not meet it."""
    return _cases(
        definition,
        lambda program: [
            (f"NOT COALESCE({_predicate(required)}, FALSE)", required["field"])
            for required in program["require"]
        ],
    )


@macro()
def program_rows(evaluator, definition):
    """One row per program with its conversion event."""
    return " UNION ALL ".join(
        f"""
        SELECT {_text(program["program"])}::TEXT AS program,
          {_text(program["conversion_event"])}::TEXT AS conversion_event
        """
        for program in _programs(definition)
    )


@macro()
def aha_events(evaluator, definition):
    """Every occurrence of each program's aha behaviour, for its user and for its account."""
    nothing = """
        SELECT NULL::TEXT AS program, NULL::TEXT AS level, NULL::TEXT AS subject_id,
          NULL::TIMESTAMP AS occurred_at
        WHERE FALSE
    """
    rows = [
        f"""
        SELECT {_text(program["program"])}::TEXT AS program, {_text(level)}::TEXT AS level,
          {subject} AS subject_id, events.occurred_at
        FROM staging.events AS events
        WHERE {_matches(program["aha"]["events"], {})} AND NOT {subject} IS NULL
        """
        for program in _programs(definition)
        if program["aha"]
        for level, subject in (("user", "events.user_id"), ("account", "events.account_id"))
    ]
    return " UNION ALL ".join(rows) or nothing


@macro()
def aha_spans(evaluator, definition):
    """When the behaviour had occurred often enough within the days that the program allows."""
    nothing = """
        SELECT program, level, subject_id, NULL::TIMESTAMP AS reached_at
        FROM aha_events WHERE FALSE
    """
    rows = [
        f"""
        SELECT program, level, subject_id,
          CASE
            WHEN occurred_at - LAG(occurred_at, {program["aha"]["at_least"] - 1})
              OVER (PARTITION BY level, subject_id ORDER BY occurred_at)
              <= INTERVAL '{program["aha"]["within_days"]}' DAY
            THEN occurred_at
          END AS reached_at
        FROM aha_events
        WHERE program = {_text(program["program"])}
        """
        for program in _programs(definition)
        if program["aha"]
    ]
    return " UNION ALL ".join(rows) or nothing


@macro()
def account_of_user(evaluator, definition):
    """Where a user's account comes from, in the order of the program files; else the user alone."""
    sources = {
        "group": "people.group_id",
        "email_domain": "CASE WHEN personal_email_domains.domain IS NULL "
        "THEN people.email_domain END",
    }
    ordered = ", ".join(sources[source] for source in _programs(definition)[0]["accounts_from"])
    return f"COALESCE({ordered}, 'user:' || people.user_id)"
