"""What the sustained trial measures is what a reader of the scores would see."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil
import pyarrow.parquet as pq
import pytest

from benchmarks.sustained import Feed, Reader, Samples, sum_up
from pql_platform.settings import Settings, load_settings


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = load_settings().model_copy(update={"home": tmp_path})
    settings.prepare_home()
    return settings


def publish(settings: Settings, loads: list[tuple[int, str, int]], scored_up_to: int) -> None:
    """A serving copy with these loads: load id, inbox file, stored events."""
    part = settings.serving.with_suffix(".part")
    with duckdb.connect(str(part)) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("CREATE SCHEMA ops")
        connection.execute(
            "CREATE TABLE raw.loads (load_id BIGINT, inbox_file TEXT, stored BIGINT)"
        )
        connection.execute("CREATE TABLE ops.rescored AS SELECT ? AS load_id", [scored_up_to])
        connection.executemany("INSERT INTO raw.loads VALUES (?, ?, ?)", loads)
    part.replace(settings.serving)


def test_a_file_counts_from_the_copy_whose_scores_cover_it(home: Settings) -> None:
    reader = Reader(home)
    reader.look()
    publish(home, [(1, "a", 10), (2, "b", 10)], scored_up_to=1)
    reader.look()
    assert set(reader.readable) == {"a"}
    first = reader.readable["a"]
    publish(home, [(1, "a", 10), (2, "b", 10)], scored_up_to=2)
    reader.look()
    assert set(reader.readable) == {"a", "b"}
    assert reader.readable["a"] == first < reader.readable["b"]


def test_a_second_of_the_feed_is_one_complete_file_at_its_end(home: Settings) -> None:
    feed = Feed(home, rate=50, touched=5, accounts=100, seed=1)
    before = time.monotonic()
    assert feed.run(files=1) >= 1
    [path] = home.inbox.iterdir()
    assert list(feed.written) == [path.name]
    assert feed.written[path.name] - before >= 1
    rows = pq.read_table(path)
    age = datetime.now(UTC).replace(tzinfo=None) - max(rows["received_at"].to_pylist())
    assert rows.num_rows == 50
    assert age.total_seconds() < 5


def test_what_is_not_stored_or_not_scored_is_lost_and_waits_count(home: Settings) -> None:
    feed = Feed(home, rate=10, touched=1, accounts=1, seed=1)
    feed.written.update({"a": 100.0, "b": 101.0, "c": 102.0})
    reader, samples = Reader(home), Samples(home)
    reader.readable.update({"a": 101.0, "b": 104.0, "older": 1.0})
    reader.stored.update({"a": 10, "b": 7, "older": 10})
    samples.backlog += [0, 1, 2, 3, 4, 6]
    samples.memory += [100, 100, 100, 100, 200, 200]
    found = sum_up(feed, 3.0, reader, samples)
    assert found.events == 30
    assert found.lost == 3 + 10
    assert found.latencies == (1.0, 3.0)
    assert (found.p50, found.p99) == pytest.approx((2.0, 2.98))
    assert (found.backlog, found.memory) == ((0.5, 5.0), (100.0, 200.0))


def test_a_sample_holds_the_files_that_wait_and_the_memory_of_all_processes(home: Settings) -> None:
    (home.inbox / "x.parquet").touch()
    samples = Samples(home)
    samples.look(psutil.Process(os.getpid()))
    samples.look(psutil.Process(os.getpid()))
    assert samples.backlog == [1]
    assert 10 < samples.memory[0] < 10_000
