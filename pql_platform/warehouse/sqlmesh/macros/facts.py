"""Macros for what gates and segments a user or account, and never adds points.

`facts` is the part of the definition with conversion, aha moment, lists, requirements and segments.
"""

from sqlmesh import macro

from macros.conditions import member, predicate
from macros.literals import named, parsed, text


def _cases(facts, branches):
    """A CASE over the programs, each with its own inner CASE; NULL where no branch holds.

    A branch without a condition takes the rest. It must be an ELSE: of a CASE with WHEN TRUE
    SQLGlot 30.8 keeps only that branch, and forgets those before it.
    """
    cases = []
    for program in parsed(facts):
        rest = [text(then) for when, then in branches(program) if when is None] or ["NULL"]
        inner = " ".join(
            f"WHEN {when} THEN {text(then)}" for when, then in branches(program) if when
        )
        result = f"CASE {inner} ELSE {rest[0]} END" if inner else rest[0]
        cases.append(f"WHEN program = {text(program['program'])} THEN {result}")
    return f"CASE {' '.join(cases)} END"


@macro()
def segment(evaluator, facts):
    """The first segment of the program whose condition holds; the last one takes the rest."""
    return _cases(
        facts,
        lambda program: [
            (predicate(segment["when"]) if segment["when"] else None, segment["name"])
            for segment in program["segments"]
        ],
    )


@macro()
def excluded_as(evaluator, facts):
    """The first exclusion list on which the e-mail domain or the account's domain stands."""
    return _cases(
        facts,
        lambda program: [
            (
                f"{member('email_domain', excluded['list'])}"
                f" OR {member('account_domain', excluded['list'])}",
                excluded["name"],
            )
            for excluded in program["exclude"]
        ],
    )


@macro()
def unfit_because(evaluator, facts):
    """The first fit requirement that is not known to hold; an unknown fact does not meet it."""
    return _cases(
        facts,
        lambda program: [
            (f"NOT COALESCE({predicate(required)}, FALSE)", required["field"])
            for required in program["require"]
        ],
    )


@macro()
def profile(evaluator, facts):
    """Whether the plan of the account is one of the program's trial or freemium plans."""
    return _cases(
        facts,
        lambda program: [
            (f"LOWER(TRIM(plan)) IN ({named(program['plans'][kind])})", kind)
            for kind in ("trial", "freemium")
            if program["plans"][kind]
        ],
    )


@macro()
def program_rows(evaluator, facts):
    """One row per program with its conversion event."""
    return " UNION ALL ".join(
        f"""
        SELECT {text(program["program"])}::TEXT AS program,
          {text(program["conversion_event"])}::TEXT AS conversion_event
        """
        for program in parsed(facts)
    )


@macro()
def milestone_names(evaluator, facts):
    """The events that convert an account or are part of an aha moment, for IN."""
    names = {program["conversion_event"] for program in parsed(facts)}
    for program in parsed(facts):
        names.update(program["aha"]["events"] if program["aha"] else ())
    return f"events.event IN ({named(sorted(names))})"


@macro()
def aha_events(evaluator, facts):
    """Every occurrence of each program's aha behaviour, for its user and for its account."""
    nothing = """
        SELECT NULL::TEXT AS program, NULL::TEXT AS level, NULL::TEXT AS subject_id,
          NULL::TIMESTAMP AS occurred_at
        WHERE FALSE
    """
    rows = [
        f"""
        SELECT {text(program["program"])}::TEXT AS program, {text(level)}::TEXT AS level,
          {subject} AS subject_id, occurred_at
        FROM milestones
        WHERE event IN ({named(program["aha"]["events"])}) AND NOT {subject} IS NULL
        """
        for program in parsed(facts)
        if program["aha"]
        for level, subject in (("user", "user_id"), ("account", "account_id"))
    ]
    return " UNION ALL ".join(rows) or nothing


def _reached_at(aha):
    """The occurrence with which there are enough; the first one where one is enough."""
    if aha["at_least"] == 1:
        return "occurred_at"
    return f"""
        CASE
          WHEN occurred_at - LAG(occurred_at, {aha["at_least"] - 1})
            OVER (PARTITION BY level, subject_id ORDER BY occurred_at)
            <= INTERVAL '{aha["within_days"]}' DAY
          THEN occurred_at
        END
    """


@macro()
def aha_spans(evaluator, facts):
    """When the behaviour had occurred often enough within the days that the program allows."""
    nothing = """
        SELECT program, level, subject_id, NULL::TIMESTAMP AS reached_at
        FROM aha_events WHERE FALSE
    """
    rows = [
        f"""
        SELECT program, level, subject_id,
          {_reached_at(program["aha"])} AS reached_at
        FROM aha_events
        WHERE program = {text(program["program"])}
        """
        for program in parsed(facts)
        if program["aha"]
    ]
    return " UNION ALL ".join(rows) or nothing
