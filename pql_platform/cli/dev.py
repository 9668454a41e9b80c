"""`pql dev`: the Dagster UI and daemon on what PQL_HOME holds."""

from __future__ import annotations

from typing import Annotated

import typer

from pql_platform.cli.output import people, remarks
from pql_platform.program.load import load_programs
from pql_platform.serve import HOST, free_port, serving
from pql_platform.settings import load_settings

DEFAULT_PORT = 3000
Port = Annotated[int, typer.Option(help="Port of the UI; a free one is taken if it is in use.")]


def dev(port: Port = DEFAULT_PORT) -> None:
    """Serve the Dagster UI on loopback, with the daemon, until Ctrl-C."""
    settings = load_settings()
    load_programs(settings.programs)
    chosen = free_port(port)
    if chosen != port:
        remarks.print(f"Port {port} is taken; using {chosen}.")
    remarks.print("Starting Dagster …")
    with serving(settings, chosen) as process:
        people.print(f"Dagster UI: http://{HOST}:{chosen}  (Ctrl-C ends it)")
        try:
            process.wait()
        except KeyboardInterrupt:
            people.print("Stopping.")
