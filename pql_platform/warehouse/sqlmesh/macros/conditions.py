"""The condition language of the program files as SQL; text is compared without regard to case."""

from macros.literals import text


def member(column, listed):
    """SQL condition: the domain stands on the list, or below one of its suffixes."""
    ways = []
    if listed["suffixes"]:
        # One pattern: 175 suffixes as LIKEs cost SQLMesh seconds to render.
        endings = "|".join(suffix.replace(".", "[.]") for suffix in listed["suffixes"])
        ways.append(f"COALESCE(REGEXP_MATCHES({column}, {text(rf'[.]({endings})$')}), FALSE)")
    if listed["domains"]:
        ways.append(f"{column} IN ({', '.join(text(name) for name in listed['domains'])})")
    return "(" + (" OR ".join(ways) or "FALSE") + ")"


def _literal(value):
    return value["number"] if isinstance(value, dict) else text(value)


def predicate(condition):
    """SQL of one condition on the columns of features.subjects."""
    column, operator = condition["field"], condition["op"]
    if "list" in condition:
        listed = member(column, condition["list"])
        return f"NOT {column} IS NULL AND NOT {listed}" if operator == "not in" else listed
    values = condition["values"]
    if not isinstance(values[0], dict):
        column = f"NULLIF(TRIM(LOWER({column})), '')"
    if operator in ("in", "not in"):
        return f"{column} {operator.upper()} ({', '.join(_literal(value) for value in values)})"
    return f"{column} {'=' if operator == '==' else operator} {_literal(values[0])}"
