"""The history of the demo product as NDJSON: the batch side of the simulator and its command.

    python -m pql_platform.demo.simulator --accounts 2000 --days 180 --out events.ndjson

Composes worlds, transport and lines, one run of accounts at a time, so that memory does not grow
with the number of accounts. Within a run lines are in the order of receipt; the runs follow each
other, so that a file as a whole is out of order, as real exports are.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson

from pql_platform.demo.description import describe
from pql_platform.demo.segment_lines import format_lines
from pql_platform.demo.transport import deliver, spoil
from pql_platform.demo.truth import AccountTruth, read_truth
from pql_platform.demo.world import Run, World, build_worlds, open_run
from pql_platform.errors import PqlError


@dataclass(frozen=True)
class Chunk:
    """The history of a run of accounts.

    Attributes:
        lines: NDJSON, each line with its line end; a few are not valid UTF-8 or not JSON.
        events: Distinct well-formed messages.
        malformed: Lines that no reader can use.
        duplicates: Well-formed lines whose message id was there before.
        truth: What was planted, one entry per account.
    """

    lines: bytes
    events: int
    malformed: int
    duplicates: int
    truth: list[AccountTruth]


@dataclass(frozen=True)
class HistorySummary:
    """What a history file holds: `lines` = `events` + `duplicates` + `malformed`."""

    events: int
    lines: int
    malformed: int
    duplicates: int
    accounts: int
    converted: int


def simulate(*, accounts: int, days: int, seed: int, end: datetime) -> Iterator[Chunk]:
    """The `days` days before `end` in the life of the product.

    The same arguments give the same bytes. No message happens or is received at or after `end`.

    Args:
        accounts: Accounts that sign up in the window, 1 or more.
        days: Length of the window, 1 to `calendar.LONGEST_DAYS`.
        seed: 0 or more.
        end: Exclusive end of the window, with a time zone.

    Raises:
        PqlError: An argument is out of range.
    """
    run = open_run(seed=seed, accounts=accounts, days=days, end=end)
    return (_write_chunk(run, world) for world in build_worlds(run))


def write_history(
    path: Path,
    *,
    accounts: int,
    days: int,
    seed: int,
    end: datetime,
    progress: Callable[[int], None] | None = None,
    keep_truth: Callable[[list[AccountTruth]], None] | None = None,
) -> HistorySummary:
    """Write a history file; it appears under its name only when it is complete.

    Args:
        path: The file, replaced if it exists.
        accounts: As in `simulate`.
        days: As in `simulate`.
        seed: As in `simulate`.
        end: As in `simulate`.
        progress: Called with the number of accounts written since the last call.
        keep_truth: Called with the planted truth of the same accounts.

    Raises:
        PqlError: An argument is out of range, or the file cannot be written.
    """
    chunks = simulate(accounts=accounts, days=days, seed=seed, end=end)
    part = path.with_name(f".{path.name}.part")
    events = malformed = duplicates = written = converted = 0
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk.lines)
                events += chunk.events
                malformed += chunk.malformed
                duplicates += chunk.duplicates
                written += len(chunk.truth)
                converted += sum(one.converts for one in chunk.truth)
                if keep_truth:
                    keep_truth(chunk.truth)
                if progress:
                    progress(len(chunk.truth))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise PqlError(
            f"{path} cannot be written ({error.strerror})", hint="Choose a folder that exists"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return HistorySummary(
        events=events,
        lines=events + duplicates + malformed,
        malformed=malformed,
        duplicates=duplicates,
        accounts=written,
        converted=converted,
    )


def _write_chunk(run: Run, world: World) -> Chunk:
    arrivals = deliver(world.rng, world.events, run.window.end_ms)
    received = np.unique(arrivals.event)
    lines = format_lines(world, arrivals, f"{run.tag}-{int(world.accounts.number[0]):x}-")
    malformed = spoil(world.rng, lines)
    lines.append("")
    return Chunk(
        lines="\n".join(lines).encode(errors="surrogateescape"),
        events=len(received),
        malformed=malformed,
        duplicates=arrivals.duplicates,
        truth=read_truth(world, received),
    )


def main(arguments: list[str] | None = None) -> int:
    """Write a history file and say how fast."""
    parser = argparse.ArgumentParser(
        prog="python -m pql_platform.demo.simulator",
        description="Simulate the product Boards and write its events as Segment-spec NDJSON.",
    )
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--end", type=datetime.fromisoformat, help="default: today, 00:00 UTC")
    parser.add_argument("--out", type=Path, required=True, help="the NDJSON file to write")
    parser.add_argument("--truth", type=Path, help="also write the planted truth as JSON")
    parser.add_argument("--describe", action="store_true", help="print conversion by behaviour")
    options = parser.parse_args(arguments)
    end = options.end or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    truth: list[AccountTruth] = []
    wanted = options.truth or options.describe
    started = time.perf_counter()
    try:
        summary = write_history(
            options.out,
            accounts=options.accounts,
            days=options.days,
            seed=options.seed,
            end=end,
            keep_truth=truth.extend if wanted else None,
        )
        seconds = time.perf_counter() - started
        if options.truth:
            _write_truth(options.truth, truth)
    except PqlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{summary.accounts:,} accounts, {summary.converted:,} converted\n"
        f"{summary.events:,} events in {summary.lines:,} lines "
        f"({summary.duplicates:,} duplicates, {summary.malformed:,} malformed)\n"
        f"{seconds:.1f} s, {summary.events / seconds:,.0f} events/s\n"
    )
    if options.describe:
        sys.stdout.write(f"\n{describe(truth, end)}\n")
    return 0


def _write_truth(path: Path, truth: list[AccountTruth]) -> None:
    try:
        path.write_bytes(orjson.dumps([asdict(one) for one in truth]))
    except OSError as error:
        raise PqlError(
            f"{path} cannot be written ({error.strerror})", hint="Choose a folder that exists"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
