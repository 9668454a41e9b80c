"""A live pass as a process of its own, at a moment of its own, that may kill itself on the way.

Usage: live_pass_process.py MOMENT [DEATH]

PQL_HOME says where. DEATH is a key of `DEATHS`: there the process sends itself SIGKILL, which no
handler and no `finally` survives. With `--meet FOLDER` it starts only once another one is there.
Prints, as JSON, which slow libraries it imported.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import time_machine

from pql_platform import passes
from pql_platform.adapters.slack import SlackWeb
from pql_platform.adapters.slack_local import LocalSlack
from pql_platform.settings import Settings, load_settings

SLOW = ("sqlmesh", "great_expectations")
LONGEST_WAIT_SECONDS = 30


def die(*_: Any, **__: Any) -> None:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(owner: Any, name: str) -> None:
    """Die when this method has done its work and before anybody knows."""
    work = getattr(owner, name)

    def last(*arguments: Any, **options: Any) -> Any:
        work(*arguments, **options)
        die()

    setattr(owner, name, last)


def between_load_and_archive() -> None:
    """Die when the rows of an inbox file are committed and the file still lies in the inbox."""
    replace: Callable[..., None] = os.replace

    def last(source: Any, target: Any, **options: Any) -> None:
        if Path(target).parent == load_settings().archive:
            die()
        replace(source, target, **options)

    os.replace = last


def before_the_drain() -> None:
    """Die when crossings are in the ledger and nothing was sent."""
    import assets.deliveries

    assets.deliveries.drain = die


DEATHS: dict[str, Callable[[], None]] = {
    "after the load": between_load_and_archive,
    "before the drain": before_the_drain,
    "after a post to Slack": lambda: after(SlackWeb, "deliver"),
    "after an alert file": lambda: after(LocalSlack, "deliver"),
}


def forgetful(_: Settings) -> dg.DagsterInstance:
    """An instance without files, which take 1.5 s of a pass."""
    return dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})


def meet(folder: Path) -> None:
    """Wait until two processes are here."""
    (folder / f"here-{os.getpid()}").touch()
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while len(list(folder.glob("here-*"))) < 2:
        if time.monotonic() > deadline:
            raise AssertionError("the other process never came")
        time.sleep(0.002)


def main() -> None:
    """Make the pass."""
    parser = argparse.ArgumentParser()
    parser.add_argument("moment", type=datetime.fromisoformat)
    parser.add_argument("death", choices=DEATHS, nargs="?")
    parser.add_argument("--meet", type=Path)
    parser.add_argument("--forget", action="store_true", help="keep Dagster's runs in memory")
    options = parser.parse_args()
    if options.death:
        DEATHS[options.death]()
    if options.forget:
        passes.open_instance = forgetful
    if options.meet:
        meet(options.meet)
    with time_machine.travel(options.moment, tick=True):
        passes.run_job(load_settings(), "live_pass", rebuild=False)
    json.dump([name for name in SLOW if name in sys.modules], sys.stdout)


if __name__ == "__main__":
    main()
