"""A message that is known stays known, whatever becomes of the index beside the warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import timedelta

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.warehouse import message_index
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.message_index import KEY, MessageIndex

HALVES_OF = "(MD5_NUMBER({id}) >> 64)::UBIGINT, (MD5_NUMBER({id}) & 18446744073709551615)::UBIGINT"


def keys_of(names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """The two halves of the keys of these message ids."""
    with duckdb.connect() as connection:
        pairs = connection.execute(
            f"SELECT {HALVES_OF.format(id='id')} FROM (SELECT UNNEST($names::TEXT[]) AS id)",  # noqa: S608
            {"names": list(names)},
        ).fetchall()
    keys = np.array(pairs, np.uint64).reshape(-1, 2)
    return keys[:, 0], keys[:, 1]


@pytest.fixture
def index(warehouse) -> MessageIndex:
    return MessageIndex(warehouse.home / "message_index")


@pytest.fixture
def load_each(warehouse, kit):
    """Loads messages of these names, one file each or all in one, and returns the counts."""

    def load(connection, *names: str, file: str | None = None):
        rows = {name: kit.message(name, timedelta(hours=1), user_id="ann") for name in names}
        if file is not None:
            kit.put(warehouse, rows.values(), file)
        else:
            for name, row in rows.items():
                kit.put(warehouse, [row], f"{name}.parquet")
        return kit.load(connection, warehouse)

    return load


def runs_of(index: MessageIndex) -> list[int]:
    """How many messages each run holds."""
    return sorted(len(np.load(path)) for path in index.folder.glob("*.npy"))


def test_the_index_knows_the_messages_that_were_stored_and_no_other(
    warehouse, index, load_each
) -> None:
    names = [f"m{n}" for n in range(9)]
    with open_warehouse(warehouse) as connection:
        load_each(connection, *names, file="all.parquet")
        index.catch_up(connection)
        stored = connection.execute(
            f"SELECT {HALVES_OF.format(id='message_id')}, content_key FROM raw.events"  # noqa: S608
        ).fetchall()
    known = index.known(*keys_of([*names, "other", "another"]))
    assert sorted(tuple(map(int, entry)) for entry in known) == sorted(stored)
    assert len(stored) == 9
    assert len(index.known(*keys_of([]))) == 0


def test_many_small_runs_become_few_and_forget_nothing(warehouse, index, load_each) -> None:
    names = [f"m{n:02d}" for n in range(21)]
    with open_warehouse(warehouse) as connection:
        load_each(connection, *names)
        index.catch_up(connection)
        assert len(runs_of(index)) < message_index.FAN_OUT
        assert sum(runs_of(index)) == 21
        assert len(index.known(*keys_of(names))) == 21
        assert load_each(connection, *names, file="again.parquet").duplicates == 21


def test_a_large_run_is_merged_no_further(warehouse, index, load_each, monkeypatch) -> None:
    monkeypatch.setattr(message_index, "LARGEST_RUN", 8)
    names = [f"m{n:02d}" for n in range(30)]
    with open_warehouse(warehouse) as connection:
        load_each(connection, *names)
        index.catch_up(connection)
        assert max(runs_of(index)) <= 8
        assert len(index.known(*keys_of(names))) == 30


def test_a_lost_index_is_built_again_in_parts(warehouse, index, load_each, monkeypatch) -> None:
    names = [f"m{n:02d}" for n in range(12)]
    with open_warehouse(warehouse) as connection:
        for start in (0, 4, 8):
            load_each(connection, *names[start : start + 4], file=f"{start}.parquet")
        shutil.rmtree(index.folder)
        monkeypatch.setattr(message_index, "LARGEST_RUN", 5)
        assert load_each(connection, *names, file="again.parquet").duplicates == 12
        assert runs_of(index) == [4, 4, 4]


@pytest.mark.parametrize("damage", ["lost", "cut_off", "emptied", "manifest"])
def test_a_damaged_index_is_built_again(damage, warehouse, index, load_each) -> None:
    with open_warehouse(warehouse) as connection:
        load_each(connection, "a", "b")
        index.catch_up(connection)
        run = next(index.folder.glob("*.npy"))
        if damage == "lost":
            run.unlink()
        elif damage == "cut_off":
            run.write_bytes(run.read_bytes()[:-5])
        elif damage == "emptied":
            run.write_bytes(b"")
        else:
            (index.folder / "runs.json").write_text("")
        assert load_each(connection, "a", "b", "c", file="again.parquet").duplicates == 2
        index.catch_up(connection)
        assert len(index.known(*keys_of("abc"))) == 3


def test_what_a_warehouse_that_was_put_back_does_not_know_is_stored(
    warehouse, index, load_each
) -> None:
    with open_warehouse(warehouse) as connection:
        load_each(connection, "a")
    copy = shutil.copy(warehouse.warehouse, warehouse.home / "copy.duckdb")
    with open_warehouse(warehouse) as connection:
        load_each(connection, "b", "c")
        index.catch_up(connection)
    shutil.copy(copy, warehouse.warehouse)
    with open_warehouse(warehouse) as connection:
        counts = load_each(connection, "a", "b", "c", file="again.parquet")
    assert (counts.duplicates, counts.stored) == (1, 2)


def test_an_index_of_another_warehouse_counts_for_nothing(
    warehouse, index, load_each, copied, kit
) -> None:
    with open_warehouse(warehouse) as connection:
        load_each(connection, "a", "b")
        index.catch_up(connection)
    other = copied()
    with open_warehouse(other) as connection:
        for name in ("x", "y", "z"):
            row = kit.message(name, timedelta(hours=1), user_id="ann")
            kit.put(other, [row], f"{name}.parquet")
        kit.load(connection, other)
        shutil.rmtree(other.home / "message_index")
        shutil.copytree(index.folder, other.home / "message_index")
        kit.put(other, [kit.message("a", timedelta(hours=2), user_id="bob")], "a.parquet")
        assert kit.load(connection, other).stored == 1


def test_a_crash_between_the_load_and_its_entry_stores_nothing_twice(
    warehouse, index, load_each, monkeypatch
) -> None:
    def crash(*anything: object) -> None:
        raise KeyboardInterrupt

    with open_warehouse(warehouse) as connection:
        load_each(connection, "a")
        for step in ("_save", "_commit"):
            with monkeypatch.context() as patched:
                patched.setattr(MessageIndex, step, crash)
                with pytest.raises(KeyboardInterrupt):
                    load_each(connection, "a", "b", file="again.parquet")
        counts = load_each(connection)
        assert (counts.duplicates, counts.stored) == (1, 1)
        index.catch_up(connection)
        assert runs_of(index) == [1, 1]


HALVES = st.integers(0, 3)


@given(
    run=st.lists(st.tuples(HALVES, HALVES), max_size=30, unique=True),
    asked=st.lists(st.tuples(HALVES, HALVES), max_size=30),
)
def test_ids_whose_keys_are_half_equal_are_told_apart(run, asked) -> None:
    entries = np.array([(upper, lower, 0) for upper, lower in sorted(run)], KEY)
    order = sorted(asked)
    upper, lower = (np.array([pair[half] for pair in order], np.uint64) for half in (0, 1))
    found = MessageIndex._search(entries, upper, lower)
    assert sorted((int(e["upper"]), int(e["lower"])) for e in found) == [
        pair for pair in order if pair in run
    ]
