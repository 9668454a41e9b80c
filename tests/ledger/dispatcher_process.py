"""A dispatcher as a process of its own: drains a ledger into a file that it only appends to.

Its first delivery lasts until the other dispatcher is in its first one too, so that both certainly
hold a claim at once.

Usage: dispatcher_process.py LEDGER_URL LOG WORKER
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from pql_platform.domain.delivery import Evidence, Message
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.outbox import drain

LONGEST_WAIT_SECONDS = 30


class FileChannel:
    """Accepts every message by one line; appending is atomic for a line this short."""

    pace_seconds = 0.0

    def __init__(self, path: Path, worker: str) -> None:
        self.path, self.worker = path, worker
        self.arrived = path.with_name(f"arrived-{worker}")
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def deliver(self, message: Message, now: datetime) -> Evidence:
        if not self.arrived.exists():
            self.arrived.touch()
            self.meet()
        os.write(self.descriptor, f"{self.worker} {message.key}\n".encode())
        return Evidence(message.key[:8])

    def meet(self) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while len(list(self.path.parent.glob("arrived-*"))) < 2:
            if time.monotonic() > deadline:
                raise AssertionError("the other dispatcher never came")
            time.sleep(0.002)

    def find(self, message: Message) -> Evidence | None:
        raise AssertionError("nothing is in doubt here")


def main(url: str, log: str, worker: str) -> None:
    """Drain, and say how many messages were delivered."""
    engine = open_ledger(url)
    channel = FileChannel(Path(log), worker)
    result = drain(engine, {"slack": channel}, clock=lambda: datetime.now(UTC), worker=worker)
    print(result.delivered)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
