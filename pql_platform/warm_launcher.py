"""A run launcher that keeps one process warm for the next live pass.

Starting a process and importing the platform takes two seconds or more, half of the time from an
event to its alert. So a worker that has imported everything waits for one run, takes it, and ends;
the next one is warmed meanwhile. Every other job, and every pass for which no worker is ready, goes
the usual way. See docs/decisions/0013-warm-launcher.md.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import IO

# Dagster's own launchers for Kubernetes, Docker and Celery build on this base in the same way; it
# has no public name.
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

from sensors.inbox import LIVE_PASS

READY = "ready"

WARM_UP_DELAY_SECONDS = 2.0
"""The next worker imports only after the pass at hand has most of its work behind it."""


class Worker:
    """One process that waits for one run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pql_platform.warm_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ready = threading.Event()
        self._listener = threading.Thread(
            target=self._listen, args=(self._process.stdout,), daemon=True
        )
        self._listener.start()

    def _listen(self, output: IO[str] | None) -> None:
        for line in output or ():
            if line.strip() == READY:
                self._ready.set()

    def take(self, run_id: str) -> bool:
        """Give the worker its run; False when it is not there or not ready."""
        if not self._ready.is_set() or self._process.poll() is not None:
            return False
        stdin = self._process.stdin
        if stdin is None:
            return False
        try:
            stdin.write(f"{run_id}\n")
            stdin.close()
        except BrokenPipeError:
            return False
        return True

    def dismiss(self) -> int:
        """Let the worker go without a run, and return its exit code."""
        for pipe, done in ((self._process.stdin, None), (self._process.stdout, self._listener)):
            if done is not None:
                done.join()
            if pipe is not None:
                pipe.close()
        return self._process.wait()

    @property
    def is_ready(self) -> bool:
        """Whether it has imported everything."""
        return self._ready.is_set()

    @property
    def is_alive(self) -> bool:
        """Whether it may still become ready."""
        return self._process.poll() is None


class WarmRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with a warm worker for live passes."""

    _worker: Worker | None = None
    _lock = threading.Lock()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand a live pass to the warm worker; launch everything else as Dagster does."""
        run = context.dagster_run
        if run.job_name != LIVE_PASS:
            super().launch_run(context)
            return
        with self._lock:
            worker, taken = self._worker, False
            if worker is not None:
                taken = worker.take(run.run_id)
            if taken or worker is None or not worker.is_alive:
                self._worker = None
                timer = threading.Timer(WARM_UP_DELAY_SECONDS, self._warm_up)
                timer.daemon = True
                timer.start()
        if not taken:
            super().launch_run(context)

    def _warm_up(self) -> None:
        with self._lock:
            if self._worker is None or not self._worker.is_alive:
                self._worker = Worker()
