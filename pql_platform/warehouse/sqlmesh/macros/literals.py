"""How a definition's values are spelled in SQL: texts, numbers, JSON paths, event conditions.

What a program may say is checked where programs are loaded, not here.
"""

import json

from sqlglot import exp


def parsed(variable):
    """The list of programs in one part of the compiled definition, given as JSON text."""
    return json.loads(variable.this if isinstance(variable, exp.Literal) else str(variable))


def text(value):
    """A string literal."""
    return exp.Literal.string(str(value)).sql("duckdb")


def json_text(column, dotted):
    """The value at a dotted path of a JSON text, as text."""
    path = text("$" + "".join(f'."{key}"' for key in dotted.split(".")))
    return f"JSON_EXTRACT_STRING({column}, {path})"


def number(value, digits=21):
    """A text as an exact number with at most so many digits before the point; NULL for others.

    The pattern stands in for TRY_CAST, which Postgres does not have; it refuses NaN, infinity and
    what would overflow.
    """
    exponents = "1?[0-9]" if digits > 20 else "(1[0-3]|[0-9])"
    pattern = (
        rf"^-?([0-9]{{1,{digits}}}([.][0-9]+)?"
        rf"|[0-9]([.][0-9]+)?[eE]([+]?{exponents}|-[0-9]{{1,3}}))$"
    )
    return (
        f"CASE WHEN REGEXP_MATCHES({value}, {text(pattern)}) "
        f"THEN CAST({value} AS DECIMAL(28, 6)) END"
    )


def named(events):
    """A list of event names for IN."""
    return ", ".join(text(name) for name in events)


def meets(where):
    """SQL condition on the properties of an event; TRUE when there is none."""
    return " AND ".join(_allows(path, allowed) for path, allowed in where.items()) or "TRUE"


def _allows(path, allowed):
    value = json_text("events.properties", path)
    ways = []
    if allowed["texts"]:
        ways.append(f"{value} IN ({', '.join(text(item) for item in allowed['texts'])})")
    if allowed["numbers"]:
        ways.append(f"{number(value)} IN ({', '.join(allowed['numbers'])})")
    return f"({' OR '.join(ways)})"
