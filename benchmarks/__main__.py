"""`make bench`: how fast each part of the line is, side by side, each table from one run.

Prints tables and writes them into docs/benchmarks.md. Nothing here is asserted by a test.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import delivery, line, micro, rebuild, serving_load

NAMES = ("line", "rebuild", "micro", "contention", "sustained", "delivery")
LONG = ("sustained", "delivery")
SMALL, LARGE = 10_000_000, 100_000_000
SEED = 12
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> None:
    """Run the benchmarks that were asked for, or all but the long ones."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, default=[n for n in NAMES if n not in LONG]
    )
    parser.add_argument("--events", type=int, default=SMALL, help="size of the history")
    parser.add_argument("--large", action="store_true", help=f"also {LARGE:,} events (an hour)")
    parser.add_argument("--batches", type=int, default=20, help="micro-batches of each width")
    parser.add_argument("--minutes", type=float, default=10, help="how long `sustained` runs")
    parser.add_argument("--crossings", type=int, default=100, help="single ones in `delivery`")
    parser.add_argument("--memory-limit", default="8GB", help="what DuckDB may use")
    parser.add_argument("--work", type=Path, help="keep files here, to go on with them later")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        for name in arguments.only:
            _run(name, work, arguments)


def _run(name: str, work: Path, arguments: argparse.Namespace) -> None:
    sizes = [arguments.events, *([LARGE] if arguments.large else [])]
    if name == "line":
        line.run(SEED)
    elif name == "rebuild":
        rebuild.run(work, sizes, AS_OF, SEED, arguments.memory_limit)
    elif name == "micro":
        micro.run(work, sizes, AS_OF, SEED, arguments.batches, arguments.memory_limit)
    elif name == "contention":
        serving_load.contention(work, SEED)
    elif name == "delivery":
        delivery.run(work, SEED, arguments.crossings)
    else:
        serving_load.sustained(work, SEED, arguments.minutes)


if __name__ == "__main__":
    main()
