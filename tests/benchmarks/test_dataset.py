"""The data set of the benchmarks is what a product would have sent, and it is loaded whole."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from benchmarks.dataset import ROWS_PER_FILE, accounts_for, write_dataset, write_micro_batch
from pql_platform.demo.main_job import PROGRAM
from pql_platform.intake.schema import INBOX_SCHEMA
from pql_platform.program.load import load_program
from pql_platform.settings import load_settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox, waiting_files

END = datetime(2026, 3, 4, 15, tzinfo=UTC)
EVENTS, ACCOUNTS, DAYS, SEED = 30_000, 60, 90, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.dataset.ROWS_PER_FILE", EVENTS // 3)
        write_dataset(folder, EVENTS, ACCOUNTS, DAYS, SEED, END)
    return folder


@pytest.fixture(scope="module")
def messages(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE messages AS FROM READ_PARQUET(?, filename = TRUE, file_row_number = TRUE)",
        [f"{folder}/*.parquet"],
    )
    return connection


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def test_the_files_have_the_columns_of_the_inbox_and_the_rows_that_were_asked_for(folder) -> None:
    files = sorted(folder.glob("*.parquet"))
    assert len(files) == 3
    assert all(pq.read_schema(path).equals(INBOX_SCHEMA) for path in files)
    assert sum(pq.read_metadata(path).num_rows for path in files) == pytest.approx(EVENTS, rel=0.03)
    assert accounts_for(ROWS_PER_FILE) == 2000


def test_rows_lie_in_the_order_in_which_they_arrived(messages) -> None:
    assert one(
        messages,
        """
        SELECT COUNT(*) FROM (
          SELECT received_at < LAG(received_at) OVER (ORDER BY filename, file_row_number) AS back
          FROM messages
        ) WHERE back
        """,
    ) == (0,)
    earliest, latest, slowest = one(
        messages,
        "SELECT MIN(received_at), MAX(received_at), MAX(received_at - occurred_at) FROM messages",
    )
    end = END.replace(tzinfo=None)
    assert end - timedelta(days=DAYS) <= earliest < end - timedelta(days=DAYS - 3)
    assert end - timedelta(days=1) < latest < end
    assert slowest < timedelta(minutes=90)


def test_a_few_messages_come_twice_with_the_same_content(messages) -> None:
    copies, unlike = one(
        messages,
        """
        SELECT SUM(times) - COUNT(*), COUNT(*) FILTER (contents > 1) FROM (
          SELECT COUNT(*) AS times,
            COUNT(DISTINCT (content_hash, user_id, anonymous_id, event, occurred_at)) AS contents
          FROM messages GROUP BY message_id
        )
        """,
    )
    assert 0.01 < copies / EVENTS < 0.03
    assert unlike == 0


def test_users_are_anonymous_first_and_then_work_in_bursts(messages) -> None:
    early, users = one(
        messages,
        """
        SELECT COUNT(*) FILTER (first_visit < identified), COUNT(*) FROM (
          SELECT anonymous_id, MIN(occurred_at) AS first_visit,
            MIN(occurred_at) FILTER (type = 'identify') AS identified
          FROM messages GROUP BY anonymous_id
        ) WHERE NOT identified IS NULL
        """,
    )
    assert early == users
    assert 4 * ACCOUNTS < users <= 5 * ACCOUNTS
    (share,) = one(
        messages,
        """
        SELECT AVG((gap <= INTERVAL 30 MINUTE)::INT) FROM (
          SELECT occurred_at - LAG(occurred_at) OVER (PARTITION BY user_id ORDER BY occurred_at)
            AS gap
          FROM messages WHERE NOT user_id IS NULL
        ) WHERE NOT gap IS NULL
        """,
    )
    assert share > 0.7


def test_every_event_of_the_program_occurs(messages) -> None:
    program = load_program(PROGRAM).program
    named = {name for signal in program.signals for name in signal.events}
    found = Counter(
        dict(messages.execute("SELECT event, COUNT(*) FROM messages GROUP BY event").fetchall())
    )
    assert named | set(program.core_events) | {program.conversion.event} <= set(found)
    assert all(found[name] < found["Board Viewed"] for name in named)


def test_the_platform_stores_every_message_and_quarantines_none(folder, tmp_path) -> None:
    settings = load_settings().model_copy(update={"home": tmp_path, "programs": PROGRAM})
    settings.prepare_home()
    for path in folder.glob("*.parquet"):
        shutil.copy(path, settings.inbox)
    rows = sum(pq.read_metadata(path).num_rows for path in waiting_files(settings))
    with open_warehouse(settings) as connection:
        counts = load_inbox(connection, settings, END)
    assert (counts.accepted, counts.quarantined) == (rows, 0)
    assert counts.stored + counts.duplicates == rows
    assert counts.duplicates > 0


def test_a_micro_batch_belongs_to_accounts_of_the_data_set_and_is_fresh(messages, tmp_path) -> None:
    at = END + timedelta(minutes=1)
    paths = [
        write_micro_batch(tmp_path, 500, 20, at, SEED, number, accounts=ACCOUNTS, crowd=crowd)
        for number, crowd in ((1, None), (2, 1), (3, 4))
    ]
    batches = [pq.read_table(path) for path in paths]
    assert all(batch.schema.equals(INBOX_SCHEMA) for batch in batches)
    assert [batch.num_rows for batch in batches] == [500, 500, 500]
    ids = [name for batch in batches for name in batch["message_id"].to_pylist()]
    known = {name for (name,) in messages.execute("SELECT message_id FROM messages").fetchall()}
    assert len({*ids, *known}) == len(ids) + len(known)
    groups = [set(batch["group_id"].drop_null().to_pylist()) for batch in batches]
    assert groups[0] == groups[1] != groups[2]
    in_history = {
        name for (name,) in messages.execute("SELECT DISTINCT group_id FROM messages").fetchall()
    }
    assert len(groups[0]) in range(10, 21)
    assert groups[0] | groups[2] <= in_history
    newest = at.replace(tzinfo=None)
    for batch in batches:
        received = batch["received_at"].to_pylist()
        assert newest - timedelta(seconds=1) <= min(received) <= max(received) < newest


def test_too_many_accounts_for_the_events_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="accounts need more"):
        write_dataset(tmp_path, 1000, 500, DAYS, SEED, END)
