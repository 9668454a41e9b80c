"""Which messages are known: a sorted file beside the warehouse, so that asking costs no scan.

A message must be stored once for ever, and a micro-batch must not read the whole history to find
that out. The index holds a 128-bit key of every message id and 64 bits of its content hash, in
sorted runs that are mapped into memory and searched by bisection; small runs are merged into
greater ones, as in a log-structured merge tree. It is derived: whatever it does not cover yet is
read from raw.events, and an index that is lost, damaged or of another warehouse is built again from
there.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np
import numpy.typing as npt

KEY = np.dtype([("upper", "<u8"), ("lower", "<u8"), ("content", "<u8")])
"""One message: the two halves of the md5 number of its id, and 64 bits of its content hash."""

Keys = npt.NDArray[np.void]

LARGEST_RUN = 1 << 24
"""Messages in a run that is no longer merged: a merge then needs 1.2 GB at most."""

FAN_OUT = 4
"""So many runs of one size become one of the next."""

_KEYS = """
    SELECT (key >> 64)::UBIGINT AS upper, (key & 18446744073709551615)::UBIGINT AS lower,
      content_key AS content
    FROM (SELECT MD5_NUMBER(message_id) AS key, content_key FROM raw.events WHERE {which})
"""


@dataclass
class MessageIndex:
    """The index of one warehouse; used by whoever holds the warehouse for writing."""

    folder: Path

    def catch_up(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take in the loads that the index does not cover; all of them if it is of no use."""
        (newest,) = connection.execute(
            "SELECT COALESCE(MAX(load_id), 0) FROM raw.loads"
        ).fetchone() or (0,)
        covered, load, runs = self._read()
        if load != _load(connection, covered):
            # Another warehouse, or one put back from a copy: what it does not know must not count.
            shutil.rmtree(self.folder)
            covered, runs = 0, []
        if covered == newest:
            return
        # In parts by load, so that a first build holds no more than one large run in memory.
        while covered < newest:
            upto = self._part(connection, covered, newest)
            found = connection.execute(
                _KEYS.format(which="load_id > ? AND load_id <= ?"), [covered, upto]
            ).fetchnumpy()
            runs = self._merged([*runs, *self._write(found, covered, upto)])
            covered = upto
            self._commit(covered, _load(connection, covered), runs)

    def known(self, upper: npt.NDArray[np.uint64], lower: npt.NDArray[np.uint64]) -> Keys:
        """Return the entries of those keys that are known; in no order, none for the others."""
        order = np.argsort(upper, kind="stable")
        upper, lower = upper[order], lower[order]
        found = [self._search(self._map(run), upper, lower) for run in self._read()[2]]
        return np.concatenate(found) if found else np.empty(0, KEY)

    @staticmethod
    def _search(run: Keys, upper: npt.NDArray[np.uint64], lower: npt.NDArray[np.uint64]) -> Keys:
        """Bisect for the upper halves, then compare the lower ones over runs of equal uppers."""
        place = np.searchsorted(run["upper"], upper, side="left")
        hits: list[Keys] = []
        while True:
            inside = place < len(run)
            place, upper, lower = place[inside], upper[inside], lower[inside]
            rows = run[place]
            same = rows["upper"] == upper
            if not same.any():
                return np.concatenate(hits) if hits else np.empty(0, KEY)
            hits.append(rows[same & (rows["lower"] == lower)])
            place, upper, lower = place[same] + 1, upper[same], lower[same]

    @staticmethod
    def _part(connection: duckdb.DuckDBPyConnection, after: int, newest: int) -> int:
        """The last load of the next part: at most one large run, at least one load."""
        row = connection.execute(
            """
            SELECT MAX(load_id) FROM (
              SELECT load_id, SUM(stored) OVER (ORDER BY load_id) AS so_far
              FROM raw.loads WHERE load_id > ?
            ) WHERE so_far <= ?
            """,
            [after, LARGEST_RUN],
        ).fetchone()
        return int(row[0]) if row and row[0] is not None else min(after + 1, newest)

    def _write(self, found: dict[str, npt.NDArray[np.uint64]], after: int, upto: int) -> list[str]:
        keys = np.empty(len(found["upper"]), KEY)
        for name in ("upper", "lower", "content"):
            keys[name] = found[name]
        return [self._save(keys[np.argsort(keys["upper"], kind="stable")], f"{after + 1}-{upto}")]

    def _save(self, keys: Keys, name: str) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = f"{name}.npy"
        part = self.folder / f".{file}.part"
        with part.open("wb") as stream:
            np.save(stream, keys)
            _to_disk(stream)
        part.replace(self.folder / file)
        return file

    def _merged(self, runs: list[str]) -> list[str]:
        """Merge the last runs while there are enough of about one size."""
        while len(runs) >= FAN_OUT:
            last = [self._map(run) for run in runs[-FAN_OUT:]]
            total = sum(len(run) for run in last)
            if total > LARGEST_RUN or len(last[0]) > FAN_OUT * max(len(last[-1]), 1 << 14):
                break
            keys = np.concatenate(last)
            first, final = runs[-FAN_OUT].split("-")[0], runs[-1].split("-")[1]
            name = self._save(
                keys[np.argsort(keys["upper"], kind="stable")], f"{first}-{final[: -len('.npy')]}"
            )
            runs = [*runs[:-FAN_OUT], name]
        return runs

    def _map(self, run: str) -> Keys:
        keys: Keys = np.load(self.folder / run, mmap_mode="r")
        return keys

    def _read(self) -> tuple[int, str, list[str]]:
        """The newest load covered, what it was, and the runs; nothing if any of it is damaged."""
        try:
            content = json.loads((self.folder / "runs.json").read_text(encoding="utf-8"))
            sizes = {run: (self.folder / run).stat().st_size for run in content["runs"]}
        except (FileNotFoundError, ValueError):
            return 0, "", []
        if sizes != content["runs"]:
            return 0, "", []
        return content["load_id"], content["load"], list(sizes)

    def _commit(self, load_id: int, load: str, runs: list[str]) -> None:
        """Make the runs count, then remove those that no longer do."""
        manifest = self.folder / "runs.json"
        part = manifest.with_suffix(".part")
        sizes = {run: (self.folder / run).stat().st_size for run in runs}
        content = {"load_id": load_id, "load": load, "runs": sizes}
        with part.open("w", encoding="utf-8") as stream:
            json.dump(content, stream)
            _to_disk(stream)
        part.replace(manifest)
        for file in self.folder.glob("*.npy"):
            if file.name not in runs:
                file.unlink()


def _to_disk(stream: IO[Any]) -> None:
    """A name must not appear before what it names: after a power cut it would hold zeros."""
    stream.flush()
    os.fsync(stream.fileno())


def _load(connection: duckdb.DuckDBPyConnection, load_id: int) -> str:
    """What tells a load from those of other warehouses that have the same number."""
    row = connection.execute(
        "SELECT CONCAT(inbox_file, ' ', loaded_at) FROM raw.loads WHERE load_id = ?", [load_id]
    ).fetchone()
    return str(row[0]) if row else ""
