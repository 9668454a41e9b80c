"""The frames about events, drawn from a warehouse in which one thing went wrong."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from expectations.event_frames import events_frames
from pql_platform.program.schema import Program

Warehouse = duckdb.DuckDBPyConnection


def stream(warehouse: Warehouse, programs: list[Program]) -> dict[str, Any]:
    return events_frames(warehouse, programs)["stream"].iloc[0].to_dict()


def test_a_steady_stream_has_steady_figures(warehouse: Warehouse, programs: list[Program]) -> None:
    found = stream(warehouse, programs)

    assert found["loads"] == 5
    assert found["events"] == 35 * 60 * 2
    assert found["events_last_day"] == 120
    assert found["least_before"] == 120
    assert found["volume_ratio"] == 1
    assert found["known_kept"] == 1
    assert found["midnight_share"] == 0
    assert found["quarantined_share"] == 0
    assert found["silence_ratio"] == pytest.approx(1 / 60 / 24)


def test_an_event_that_stopped_has_none_in_the_last_day(
    warehouse: Warehouse, programs: list[Program]
) -> None:
    warehouse.execute(
        "DELETE FROM raw.events"
        " WHERE event = 'Board Created' AND occurred_at > TIMESTAMP '2026-09-29 11:59:00'"
    )

    names = events_frames(warehouse, programs)["names"].set_index("event")

    assert names.loc["Board Created"].to_dict() == {"last_day": 0, "least_before": 60}
    assert names.loc["Teammate Invited"].to_dict() == {"last_day": 60, "least_before": 60}
    # Named by the program, never seen: there is nothing to compare with.
    assert names.loc["Subscription Started"].to_dict() == {"last_day": 0, "least_before": 0}


def test_people_who_became_anonymous_show(warehouse: Warehouse, programs: list[Program]) -> None:
    warehouse.execute(
        "UPDATE raw.events SET user_id = NULL"
        " WHERE event = 'Board Created' AND occurred_at > TIMESTAMP '2026-09-29 11:59:00'"
    )

    assert stream(warehouse, programs)["known_kept"] == 0.5


def test_dates_without_a_time_show(warehouse: Warehouse, programs: list[Program]) -> None:
    warehouse.execute("UPDATE raw.events SET occurred_at = DATE_TRUNC('day', occurred_at)")

    assert stream(warehouse, programs)["midnight_share"] == 1


def test_quarantine_is_counted_over_the_last_day_of_loads(
    warehouse: Warehouse, programs: list[Program]
) -> None:
    warehouse.execute("UPDATE raw.loads SET quarantined = 42 WHERE load_id = 0")
    warehouse.execute(
        "UPDATE raw.loads SET loaded_at = '2026-09-01', quarantined = 840 WHERE load_id = 4"
    )

    found = stream(warehouse, programs)

    assert found["accepted_last_day"] == 4 * 840
    assert found["quarantined_share"] == 42 / (4 * 840)


def test_silence_is_measured_against_the_longest_pause(
    warehouse: Warehouse, programs: list[Program]
) -> None:
    warehouse.execute("UPDATE raw.clock SET as_of = TIMESTAMP '2026-10-10 11:59:00'")
    assert stream(warehouse, programs)["silence_ratio"] == 10

    # A source that delivers once a week is used to being silent.
    warehouse.execute(
        "UPDATE raw.loads SET loaded_at = TIMESTAMP '2026-09-30' - load_id * INTERVAL 7 DAY"
    )
    assert stream(warehouse, programs)["silence_ratio"] == pytest.approx(10 / 7)


SPENT = """
CREATE SCHEMA features;
CREATE TABLE features.signal_days (
  program TEXT, signal TEXT, day DATE, occurrences BIGINT, unusable BIGINT
);
INSERT INTO features.signal_days VALUES
  ('boards', 'invites', '2026-09-30', 60, 6),
  ('boards', 'invites', '2026-09-01', 40, 14),
  ('boards', 'invites', '2026-08-31', 900, 900),
  ('boards', 'sessions', '2026-09-30', 10, 10),
  ('others', 'invites', '2026-09-30', 10, 10);
"""


def test_amounts_that_cannot_be_added_up_are_a_share_of_their_window(
    warehouse: Warehouse, programs: list[Program]
) -> None:
    (program,) = programs
    adding_up = program.model_copy(
        update={
            "signals": tuple(
                signal.model_copy(update={"measure": "sum:seats.added"})
                if signal.name == "invites"
                else signal
                for signal in program.signals
            )
        }
    )
    assert events_frames(warehouse, [adding_up])["amounts"].empty, "nothing was rolled up yet"
    warehouse.execute(SPENT)

    (row,) = events_frames(warehouse, [adding_up])["amounts"].to_dict("records")

    assert row == {
        "program": "boards",
        "signal": "invites",
        "property": "seats.added",
        "events": 100,
        "unusable_share": 0.2,
    }
    assert events_frames(warehouse, programs)["amounts"].empty, "nothing is added up"


def test_a_short_history_has_no_usual_day(warehouse: Warehouse, programs: list[Program]) -> None:
    warehouse.execute("DELETE FROM raw.events WHERE occurred_at < TIMESTAMP '2026-09-15'")

    assert (
        stream(warehouse, programs)["least_before"] != stream(warehouse, programs)["least_before"]
    )


def test_events_that_are_gone_after_loads_are_counted_as_none(
    warehouse: Warehouse, programs: list[Program]
) -> None:
    warehouse.execute("DELETE FROM raw.events")

    found = stream(warehouse, programs)

    assert (found["loads"], found["events"]) == (5, 0)


def test_there_is_nothing_to_judge_before_the_first_load(programs: list[Program]) -> None:
    with duckdb.connect() as empty:
        assert events_frames(empty, programs) == {}


def test_there_is_nothing_to_judge_in_empty_tables(
    warehouse: Warehouse, programs: list[Program]
) -> None:
    warehouse.execute("DELETE FROM raw.loads")

    assert events_frames(warehouse, programs) == {}
