"""Macros that turn the signals of the program files into daily roll-ups, before any window.

`behaviours` is the part of the definition with each signal's events, conditions and property.
"""

from sqlmesh import macro

from macros.literals import json_text, meets, named, number, parsed, text


def _signals(behaviours, of):
    return [
        (program["program"], signal)
        for program in parsed(behaviours)
        for signal in program["signals"]
        if signal["of"] == of
    ]


@macro()
def event_signals(evaluator, behaviours):
    """Which events feed which signal: one row per program, signal and event."""
    rows = [
        f"SELECT {text(program)}::TEXT AS program, {text(signal['name'])}::TEXT AS signal, "
        f"{text(event)}::TEXT AS event"
        for program, signal in _signals(behaviours, "events")
        for event in signal["events"]
    ]
    nothing = "SELECT NULL::TEXT AS program, NULL::TEXT AS signal, NULL::TEXT AS event WHERE FALSE"
    return " UNION ALL ".join(rows) or nothing


@macro()
def feeds_a_signal(evaluator, behaviours):
    """Whether an event feeds any signal: said beside the join, so that few rows reach it."""
    events = {event for _, signal in _signals(behaviours, "events") for event in signal["events"]}
    return f"events.event IN ({named(sorted(events))})" if events else "FALSE"


def _per_signal(behaviours, value, otherwise):
    """A CASE with a branch for each signal for which `value` has something to say."""
    cases = [
        f"WHEN fed.program = {text(program)} AND fed.signal = {text(signal['name'])} THEN {said}"
        for program, signal in _signals(behaviours, "events")
        if (said := value(signal))
    ]
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise


@macro()
def where_holds(evaluator, behaviours):
    """Whether an event's properties are those that the signal asks for."""
    return _per_signal(
        behaviours, lambda signal: signal["where"] and f"({meets(signal['where'])})", "TRUE"
    )


@macro()
def amount(evaluator, behaviours):
    """The property that the signal adds up: exact, so that any order of events adds up alike."""
    return _per_signal(
        behaviours,
        lambda signal: (
            signal["property"] and number(json_text("events.properties", signal["property"]))
        ),
        "0",
    )


@macro()
def visit_events(evaluator, behaviours):
    """The events that can make a visit meaningful, each once, with a flag per signal."""
    signals = [signal for _, signal in _signals(behaviours, "visits")]
    rows = [
        f"SELECT {text(event)}::TEXT AS event"
        + "".join(
            f", {int(event in signal['events'])} AS counts_{position}"
            for position, signal in enumerate(signals)
        )
        for event in sorted({event for signal in signals for event in signal["events"]})
    ]
    return " UNION ALL ".join(rows) or "SELECT NULL::TEXT AS event WHERE FALSE"


@macro()
def visit_counts(evaluator, behaviours):
    """A column per signal that counts visits: how many events make a visit meaningful to it."""
    return [
        f"SUM(CASE WHEN core_actions.counts_{position} = 1 AND {meets(signal['where'])} "
        f"THEN 1 ELSE 0 END) AS counts_{position}"
        for position, (_, signal) in enumerate(_signals(behaviours, "visits"))
    ]


@macro()
def visit_sums(evaluator, behaviours):
    """The number of meaningful events of a visit, for each signal that counts visits."""
    return [
        f"SUM(counts_{position}) AS counts_{position}"
        for position, _ in enumerate(_signals(behaviours, "visits"))
    ]


@macro()
def meaningful_visits(evaluator, behaviours):
    """The visits that count, for each signal that counts visits."""
    rows = [
        f"""
        SELECT {text(program)}::TEXT AS program, {text(signal["name"])}::TEXT AS signal,
          account_id, user_id, session_started_at, session_ended_at, events,
          counts_{position} AS meaningful_events
        FROM visits
        WHERE counts_{position} > 0
        """
        for position, (program, signal) in enumerate(_signals(behaviours, "visits"))
    ]
    nothing = """
        SELECT NULL::TEXT AS program, NULL::TEXT AS signal, account_id, user_id,
          session_started_at, session_ended_at, events, 0 AS meaningful_events
        FROM visits WHERE FALSE
    """
    return " UNION ALL ".join(rows) or nothing
