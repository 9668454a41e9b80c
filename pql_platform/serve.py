"""The Dagster UI and daemon of an installation as one child process, proved alive before use.

An open port proves nothing (an invalid setting hangs the daemon while the UI serves), so starting
waits for heartbeats.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pql_platform.errors import PqlError
from pql_platform.instance import open_instance, prepare_instance, silent_daemons
from pql_platform.settings import Settings
from pql_platform.warehouse.loading import mark_unscored

HOST = "127.0.0.1"
"""Whoever reaches the web server can launch runs without a password, so it listens here only."""

START_SECONDS = 120.0
_POLL_SECONDS = 0.5

WORKSPACE = Path(__file__).parent.parent / "workspace.yaml"


def free_port(wanted: int) -> int:
    """Return the wanted port, or a free one when it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise PqlError("No port is free", hint="Stop another server")


@contextmanager
def serving(settings: Settings, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the UI and the daemon until the block ends.

    Args:
        settings: The installation.
        port: A free port on loopback.

    Raises:
        PqlError: A daemon did not tick in time, or the process ended.
    """
    prepare_instance(settings)
    if settings.warehouse.exists():
        # One pass at the start catches up with what was loaded while nobody was at home, and
        # warms the worker that takes the next one.
        mark_unscored(settings)
    log = settings.home / "dagster.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "dagster", "dev"),
                *("-w", str(WORKSPACE), "-h", HOST, "-p", str(port)),
            ],
            cwd=WORKSPACE.parent,
            env={
                **os.environ,
                "DAGSTER_HOME": str(settings.dagster_home),
                "PQL_HOME": str(settings.home),
                "PQL_PROGRAMS": str(settings.programs),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            # Its own group, so that Ctrl-C ends it once, by us and in order.
            start_new_session=True,
        )
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _wait_until_alive(settings, process, log)
        yield process
    finally:
        signal.signal(signal.SIGTERM, previous)
        _stop(process)


def _interrupt(number: int, frame: object) -> None:
    """Let a termination end the server as Ctrl-C does, and not orphan it."""
    raise KeyboardInterrupt


def _wait_until_alive(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
    started = time.time()
    instance = open_instance(settings)
    try:
        while time.time() - started < START_SECONDS:
            if process.poll() is not None:
                raise PqlError(
                    f"Dagster ended at once with exit code {process.returncode}",
                    file=log,
                    hint="The end of this file says why",
                )
            beats = instance.get_daemon_heartbeats().values()
            fresh = any(beat.timestamp > started for beat in beats)
            if fresh and not silent_daemons(instance):
                return
            time.sleep(_POLL_SECONDS)
    finally:
        instance.dispose()
    raise PqlError(
        f"The Dagster daemon did not tick within {START_SECONDS:.0f} s",
        file=log,
        hint="The end of this file says why",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
