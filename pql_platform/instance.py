"""The Dagster instance of an installation: its settings, written and proved before anything starts.

An invalid dagster.yaml makes the daemon hang without a word while the UI serves, so the file is
ours, is validated here, and health is the daemon's heartbeat, not an open port.
"""

from __future__ import annotations

import os
import time
from importlib.resources import files

import dagster as dg

from pql_platform.errors import PqlError
from pql_platform.settings import Settings

NEEDED_DAEMONS = ("SENSOR", "SCHEDULER")
HEARTBEAT_SECONDS = 90.0
"""Daemons beat every 30 s; three missed beats mean that nobody is at home. Dagster itself waits
1,800 s before it calls a daemon unhealthy."""


def prepare_instance(settings: Settings) -> None:
    """Write dagster.yaml into the DAGSTER_HOME of this installation and point Dagster at it.

    Raises:
        PqlError: PQL_HOME cannot be written, or Dagster refuses the settings.
    """
    settings.prepare_home()
    config = files(__package__).joinpath("dagster.yaml").read_text(encoding="utf-8")
    target = settings.dagster_home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != config:
        target.write_text(config, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    open_instance(settings).dispose()


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance; the caller disposes of it.

    Raises:
        PqlError: Dagster refuses its settings.
    """
    try:
        return dg.DagsterInstance.from_config(str(settings.dagster_home))
    except dg.DagsterInvalidConfigError as error:
        raise PqlError(
            f"Dagster refuses its settings: {str(error).splitlines()[0]}",
            file=settings.dagster_home / "dagster.yaml",
            hint="Delete that file; it is written again",
        ) from error


def silent_daemons(instance: dg.DagsterInstance) -> list[str]:
    """Return the daemons that are needed and have not been heard of lately."""
    beats = instance.get_daemon_heartbeats()
    now = time.time()
    return [
        name
        for name in NEEDED_DAEMONS
        if name not in beats or now - beats[name].timestamp > HEARTBEAT_SECONDS
    ]
