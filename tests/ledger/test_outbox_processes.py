"""Two dispatchers in two real processes on one ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, func, select

from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.tables import attempts

DISPATCHER = Path(__file__).with_name("dispatcher_process.py")


def test_two_processes_deliver_a_hundred_messages_once_each(
    engine: Engine, tmp_path: Path, kit
) -> None:
    with engine.begin() as conn:
        for number in range(100):
            kit.cross(conn, f"account-{number}")
    log = tmp_path / "log"
    url = engine.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen(
            [sys.executable, DISPATCHER, url, log, worker],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for worker in ("w1", "w2")
    ]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [error for _, error in outputs] == ["", ""]

    sent = [line.split() for line in log.read_text().splitlines()]
    assert len({key for _, key in sent}) == len(sent) == 100
    assert {worker for worker, _ in sent} == {"w1", "w2"}
    assert sum(int(out) for out, _ in outputs) == 100
    with reading(engine) as conn:
        counts = conservation(conn, "boards")
        assert conn.execute(select(func.count()).select_from(attempts)).scalar_one() == 100
    assert (counts.crossed, counts.delivered, counts.holds) == (100, 100, True)
