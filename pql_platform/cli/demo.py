"""`pql demo`: the main job on a simulated product, then the Dagster UI with live events."""

from __future__ import annotations

import os
import resource
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pql_platform.cli.dev import DEFAULT_PORT, Port
from pql_platform.cli.output import AsJson, people, print_json, remarks
from pql_platform.cli.run import counts
from pql_platform.demo.live_show import AlertWatch, Feed, LiveAlert
from pql_platform.demo.main_job import claim_home, run_batch
from pql_platform.ledger.engine import open_ledger
from pql_platform.serve import HOST, free_port, serving
from pql_platform.settings import Settings, load_settings

DEFAULT_SEED = 12
_LOOK_SECONDS = 0.5


def demo(
    accounts: Annotated[int, typer.Option(min=20, help="Accounts of the product.")] = 2000,
    days: Annotated[int, typer.Option(min=7, help="Days of history.")] = 180,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same product.")] = DEFAULT_SEED,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the UI after.")] = True,
    live_for: Annotated[
        float | None, typer.Option(help="End the live part after so many seconds.")
    ] = None,
    port: Port = DEFAULT_PORT,
    as_json: AsJson = False,
) -> None:
    """Events to alerts on a simulated product; then the UI, with new events arriving."""
    started = time.monotonic()
    settings = claim_home(load_settings())
    os.environ["PQL_HOME"], os.environ["PQL_PROGRAMS"] = str(settings.home), str(settings.programs)
    now = datetime.now(UTC).replace(microsecond=0)
    with remarks.status("Starting") as status:

        def step(what: str) -> None:
            remarks.print(f"{time.monotonic() - started:5.1f} s  {what}")
            status.update(what)

        batch = run_batch(settings, accounts=accounts, days=days, seed=seed, now=now, step=step)
    seconds = time.monotonic() - started
    alerts = sorted(settings.alerts.glob("*.html"))
    answer = {
        **{key: value for key, value in counts(settings).items() if key in ("accounts", "pqls")},
        "events": batch.loaded.stored,
        "alerts": len(alerts),
        # The program report is not part of the platform yet.
        "report": None,
    }
    if as_json:
        print_json(answer)
    else:
        _tell_batch(
            answer,
            batch.loaded.quarantined,
            batch.loaded.duplicates,
            batch.handoffs,
            seconds,
            alerts,
        )
    if serve:
        _show_live(settings, accounts, days, seed, now, free_port(port), live_for)


def _tell_batch(
    answer: dict[str, int | None],
    quarantined: int,
    duplicates: int,
    handoffs: int,
    seconds: float,
    alerts: list[Path],
) -> None:
    people.print(
        f"{answer['events']:,} events of {answer['accounts']:,} accounts in {seconds:.0f} s "
        f"({duplicates:,} duplicates dropped, {quarantined:,} bad lines in quarantine; "
        f"peak memory {_peak_memory_mb():,.0f} MB)."
    )
    people.print(
        f"{answer['pqls']:,} accounts qualify. {handoffs} hand-offs are of the last day: "
        f"{answer['alerts']} alerts to a rep, the others to a nurture sequence."
    )
    if alerts:
        people.print("Read one in a browser:", style="bold")
        people.print(f"  {alerts[-1]}", soft_wrap=True)


def _show_live(
    settings: Settings,
    accounts: int,
    days: int,
    seed: int,
    start: datetime,
    port: int,
    live_for: float | None,
) -> None:
    remarks.print("Starting Dagster …")
    feed = Feed(settings, accounts, days, seed, start)
    engine = open_ledger(settings.ledger_url)
    watch = AlertWatch(engine, feed)
    stop = threading.Event()
    with serving(settings, port) as process:
        people.print(f"Dagster UI: http://{HOST}:{port}  (Ctrl-C ends it)", style="bold")
        people.print("New sessions arrive every few seconds; each alert is timed from its event:")
        producer = threading.Thread(target=feed.run, args=(stop,), daemon=True)
        producer.start()
        ends = time.monotonic() + live_for if live_for is not None else None
        try:
            while process.poll() is None and (ends is None or time.monotonic() < ends):
                time.sleep(_LOOK_SECONDS)
                watch.look(lambda alert: _tell_alert(alert, watch))
        except KeyboardInterrupt:
            people.print("Stopping.")
        finally:
            stop.set()
            producer.join(timeout=5)
    engine.dispose()
    _tell_latency(watch, feed)


def _tell_alert(alert: LiveAlert, watch: AlertWatch) -> None:
    people.print(
        f"  {datetime.now(UTC):%H:%M:%S}  {alert.account}, tier {alert.tier}, "
        f"{alert.score:g} points: {alert.seconds:.1f} s after the event"
    )
    if len(watch.alerts) % 5 == 0:
        _tell_percentiles(watch)


def _tell_latency(watch: AlertWatch, feed: Feed) -> None:
    people.print(f"{feed.sent} live events, {len(watch.alerts)} alerts.")
    _tell_percentiles(watch)


def _tell_percentiles(watch: AlertWatch) -> None:
    found = watch.percentiles()
    if found is not None:
        p50, p95 = found
        people.print(
            f"  Event to alert: p50 {p50:.1f} s, p95 {p95:.1f} s over {len(watch.alerts)} alerts."
        )


def _peak_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
