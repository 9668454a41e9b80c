"""A full pass as a process of its own, at a moment of its own: `full_pass_process.py MOMENT`.

PQL_HOME says where. Dagster's runs are kept in memory.
"""

from __future__ import annotations

import sys
from datetime import datetime

import dagster as dg
import time_machine

from pql_platform import passes
from pql_platform.settings import Settings, load_settings


def forgetful(_: Settings) -> dg.DagsterInstance:
    """An instance without files, which take 1.5 s of a pass."""
    return dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})


def main() -> None:
    """Make the pass."""
    passes.open_instance = forgetful
    with time_machine.travel(datetime.fromisoformat(sys.argv[1]), tick=True):
        passes.run_job(load_settings(), "full_pass")


if __name__ == "__main__":
    main()
