"""Every record of every inbox file has one fate, whatever is repeated or interrupted."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pql_platform.warehouse import loading
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import LoadCounts, load_inbox, unaccounted_loads, waiting_files
from pql_platform.warehouse.rescoring import rescore


@pytest.fixture
def messages(kit):
    return [kit.message(f"m{n}", timedelta(hours=n), user_id="ann") for n in range(5)]


def refused(position: int) -> dict:
    return {
        "source": "segment",
        "file": "events.ndjson",
        "byte_offset": position,
        "reason": "not_json: line is cut off",
        "raw": b'{"type": "tr',
        "raw_sha256": "0" * 64,
    }


def test_accepted_is_stored_plus_duplicates_plus_quarantined(warehouse, kit, messages) -> None:
    kit.put(warehouse, [*messages, messages[0], refused(1), refused(2)], "1.parquet")
    kit.put(warehouse, [messages[1], messages[1]], "2.parquet")
    with open_warehouse(warehouse) as connection:
        counts = kit.load(connection, warehouse)
        assert counts == LoadCounts(files=2, accepted=10, stored=5, duplicates=3, quarantined=2)
        assert unaccounted_loads(connection) == []
        assert kit.rows(connection, "SELECT DISTINCT reason, raw FROM raw.quarantine") == [
            ("not_json: line is cut off", b'{"type": "tr')
        ]
    assert waiting_files(warehouse) == []
    assert sorted(path.name for path in warehouse.archive.glob("*.parquet")) == [
        "1.parquet",
        "2.parquet",
    ]


def test_a_lost_row_is_noticed(warehouse, kit, messages) -> None:
    kit.put(warehouse, messages, "1.parquet")
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        connection.execute("DELETE FROM raw.events WHERE message_id = 'm3'")
        assert unaccounted_loads(connection) == [("1.parquet", 5, 4)]


def test_a_crash_between_commit_and_move_loads_nothing_twice(
    warehouse, kit, messages, monkeypatch
) -> None:
    path = kit.put(warehouse, messages, "1.parquet")

    def crash(*paths: object) -> None:
        raise KeyboardInterrupt

    with open_warehouse(warehouse) as connection, monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            kit.load(connection, warehouse)
    assert path.exists()
    with open_warehouse(warehouse) as connection:
        assert kit.load(connection, warehouse) == LoadCounts()
        assert kit.rows(
            connection, "SELECT COUNT(*), COUNT(DISTINCT message_id) FROM raw.events"
        ) == [(5, 5)]
        assert kit.rows(connection, "SELECT inbox_file, stored FROM raw.loads") == [
            ("1.parquet", 5)
        ]
    assert waiting_files(warehouse) == []


def test_a_crash_within_a_load_leaves_nothing_of_the_file(
    warehouse, kit, messages, monkeypatch
) -> None:
    path = kit.put(warehouse, messages, "1.parquet")
    run = loading.statements.run

    def crash(connection, name, **values):
        run(connection, name, **values)
        if name == "record_load":
            raise KeyboardInterrupt

    with open_warehouse(warehouse) as connection:
        with monkeypatch.context() as patched:
            patched.setattr(loading.statements, "run", crash)
            with pytest.raises(KeyboardInterrupt):
                kit.load(connection, warehouse)
        assert kit.rows(connection, "FROM raw.loads") == []
        assert kit.rows(connection, "FROM raw.events") == []
        assert path.exists()
        assert kit.load(connection, warehouse).stored == 5


def test_the_same_id_with_other_content_is_quarantined_and_the_first_stays(warehouse, kit) -> None:
    at = timedelta(hours=1)
    first = kit.message("m", at, user_id="ann", event="Board Created")
    other = kit.message("m", at, user_id="ann", event="Board Shared")
    kit.put(warehouse, [first, other], "1.parquet")
    kit.put(warehouse, [other, first], "2.parquet")
    with open_warehouse(warehouse) as connection:
        counts = kit.load(connection, warehouse)
        assert counts == LoadCounts(files=2, accepted=4, stored=1, duplicates=1, quarantined=2)
        assert kit.rows(connection, "SELECT event FROM raw.events") == [("Board Created",)]
        assert kit.rows(
            connection, "SELECT DISTINCT SPLIT_PART(reason, ':', 1), message_id FROM raw.quarantine"
        ) == [("conflicting_duplicate", "m")]
        assert unaccounted_loads(connection) == []


def test_a_refused_record_does_not_take_the_place_of_a_good_one(warehouse, kit) -> None:
    good = kit.message("m", timedelta(hours=1), user_id="ann")
    kit.put(warehouse, [{**refused(1), "message_id": "m"}, good], "1.parquet")
    with open_warehouse(warehouse) as connection:
        counts = kit.load(connection, warehouse)
    assert (counts.stored, counts.quarantined) == (1, 1)


def test_an_archived_file_that_comes_back_changes_nothing(warehouse, kit, messages) -> None:
    path = kit.put(warehouse, messages, "1.parquet")
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        shutil.copy(warehouse.archive / "1.parquet", path)
        assert kit.load(connection, warehouse) == LoadCounts()
        shutil.copy(warehouse.archive / "1.parquet", warehouse.inbox / "again.parquet")
        assert kit.load(connection, warehouse).duplicates == 5
        assert unaccounted_loads(connection) == []


def test_a_file_that_is_still_being_written_is_left_alone(warehouse, kit, messages) -> None:
    part = kit.put(warehouse, messages, ".1.parquet")
    with open_warehouse(warehouse) as connection:
        assert kit.load(connection, warehouse) == LoadCounts()
    assert part.exists()


def test_the_time_of_loading_is_utc_whatever_the_zone_of_the_clock(
    warehouse, kit, messages
) -> None:
    kit.put(warehouse, messages, "1.parquet")
    moment = datetime(2026, 3, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    with open_warehouse(warehouse) as connection:
        load_inbox(connection, warehouse, moment)
        ((loaded_at,),) = kit.rows(connection, "SELECT loaded_at FROM raw.loads")
    assert loaded_at.replace(tzinfo=UTC) == moment


def test_names_that_look_like_sql_are_only_names(warehouse, kit) -> None:
    nasty = "x' OR 1=1; DROP TABLE raw.events; --"
    row = kit.message(nasty, timedelta(hours=1), event=nasty, user_id=nasty, group_id=nasty)
    kit.put(warehouse, [row], "1.parquet")
    with open_warehouse(warehouse) as connection:
        assert kit.load(connection, warehouse).stored == 1
        assert rescore(connection, kit.NOW).scope == "all"
        assert kit.rows(connection, "SELECT event, account_id FROM staging.events") == [
            (nasty, nasty)
        ]
        assert kit.rows(
            connection, "SELECT level, score FROM scores.composites ORDER BY level"
        ) == [("account", 0), ("user", 0)]
