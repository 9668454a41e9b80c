"""The pipeline that teams script, under the same faults.

A Dagster asset selects the leads that are not marked as sent, posts each with dagster-slack's
`SlackResource` and the client that it hands out, and marks each one right after its post. A failed
step is retried twice, a run-failure sensor posts what failed, and cron starts the next run. That is
done with care: it marks lead by lead, and whatever was not marked is tried again for ever.

Told apart from the platform's own figures: a fault counts as detected when a step of Dagster's
failed by it. Whether a killed run is noticed depends on a daemon that is not part of this, so for
kills it is not judged.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import dagster as dg
from dagster_slack import SlackResource
from slack_sdk import WebClient

from faults.borrowed import fake_slack
from faults.oracle import (
    POST,
    Comparison,
    Entry,
    Fate,
    compare,
    injected,
    read_log,
)
from faults.outcome import Outcome, unfired
from faults.scenarios import Scenario, Step
from pql_platform.ledger.states import ALERT, DELIVERED, PENDING

CRON_STARTS_EVERY: Final = timedelta(minutes=15)
MOST_RUNS: Final = 80
_PATIENCE: Final = 120.0
_LONGEST_LIFE: Final = 0.12
_COUNTED: Final = ("runs", "failed runs", "told")
_FORK: Final = multiprocessing.get_context("fork")
_FAILED: Final = (dg.DagsterEventType.STEP_UP_FOR_RETRY, dg.DagsterEventType.STEP_FAILURE)


class SlackAtHand(SlackResource):
    """dagster-slack's resource and its client, which reaches another Slack than the real one."""

    base_url: str

    def get_client(self) -> WebClient:
        """Return the client that `SlackResource` returns, elsewhere."""
        client = super().get_client()
        client.base_url = self.base_url
        return client


class Leads(dg.ConfigurableResource[Any]):
    """The table of leads."""

    path: str

    def open(self) -> sqlite3.Connection:
        """Open it."""
        return sqlite3.connect(self.path)


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
def lead_alerts(slack: SlackAtHand, leads: Leads) -> None:
    """Post every lead that is not marked as sent, and mark it."""
    client = slack.get_client()
    table = leads.open()
    for (lead,) in table.execute("SELECT id FROM leads WHERE sent = 0 ORDER BY id").fetchall():
        client.chat_postMessage(channel="pql-alerts", text=f"New lead: {lead}")
        table.execute("UPDATE leads SET sent = 1 WHERE id = ?", (lead,))
        table.commit()
    table.close()


@dg.run_failure_sensor
def tell_of_failure(context: dg.RunFailureSensorContext, slack: SlackAtHand) -> None:
    """Post that a run failed."""
    text = f"Run failed: {context.failure_event.message}"
    slack.get_client().chat_postMessage(channel="pql-oncall", text=text)


def concerns(scenario: Scenario) -> bool:
    """Whether a scenario can happen to this pipeline, which never looks."""
    return not (scenario.about_looks or scenario.crash_points)


def waiting_leads(path: Path) -> int:
    """How many leads are not marked as sent."""
    with sqlite3.connect(path) as table:
        waiting: int = table.execute("SELECT COUNT(*) FROM leads WHERE sent = 0").fetchone()[0]
    return waiting


def run(scenario: Scenario, kills: int, seed: int) -> Outcome:
    """Run one scenario and compare.

    Args:
        scenario: Its answers of Slack's are used as they are, its kills only if there are any.
        kills: How many runs are killed then.
        seed: Draws the moments of death.
    """
    begun = time.monotonic()
    with (
        TemporaryDirectory() as folder,
        fake_slack.running_fake_slack(Path(folder)) as slack,
    ):
        step = _as_one(scenario.steps)
        cron = _Cron(replace(scenario, steps=(step,)), Path(folder), slack, seed)
        cron.step(step, kills if scenario.kills else 0)
        return cron.outcome(time.monotonic() - begun)


class _Cron:
    def __init__(self, scenario: Scenario, folder: Path, slack: Any, seed: int) -> None:
        self.scenario, self.slack, self.path = scenario, slack, folder / "leads.sqlite"
        self.random = Random(f"{seed} {scenario.name}")  # noqa: S311 - no secret
        self.kills = 0
        self.counts: Counter[str] = Counter()
        with sqlite3.connect(self.path) as table:
            table.execute("CREATE TABLE leads (id INTEGER PRIMARY KEY, sent INTEGER DEFAULT 0)")

    def step(self, step: Step, kills: int) -> None:
        """Add leads, let the faults loose, and run until every lead is marked."""
        self.slack.break_next(POST, *step.post)
        self._add(step.crossings)
        target = self.kills + kills
        while self.kills < target:
            if self._waiting() < 5:
                self._add(20)
            self._run(1, kill=True)
        if step.lasts is not None:
            self._run(round(step.lasts / CRON_STARTS_EVERY))
            self.slack.heal()
        self._run(MOST_RUNS)

    def outcome(self, seconds: float) -> Outcome:
        """Hold Slack's log against the table of leads."""
        log = read_log(self.slack.log)
        met = len(injected(log, POST))
        detected = None if self.scenario.kills_all else min(met, self.counts["failed steps"])
        return Outcome(
            scenario=self.scenario.name,
            fired=met + self.kills,
            comparison=self._compare(log),
            detected=detected,
            detectable=met,
            unfired=unfired(self.scenario, log),
            note=self._note(),
            seconds=seconds,
        )

    def _note(self) -> str:
        said = [f"killed: {self.kills}"] if self.kills else []
        return ", ".join([*said, *(f"{what}: {self.counts[what]}" for what in _COUNTED)])

    def _compare(self, log: Sequence[Entry]) -> Comparison:
        posted = [entry["posted"]["text"] for entry in log if entry["posted"]]
        leads = [text for text in posted if text.startswith("New lead: ")]
        with sqlite3.connect(self.path) as table:
            rows = table.execute("SELECT id, sent FROM leads ORDER BY id").fetchall()
        fates = [
            Fate(f"New lead: {id_}", ALERT, DELIVERED if sent else PENDING) for id_, sent in rows
        ]
        return compare(leads, fates)

    def _add(self, amount: int) -> None:
        with sqlite3.connect(self.path) as table:
            table.executemany("INSERT INTO leads (sent) VALUES (?)", [(0,)] * amount)

    def _waiting(self) -> int:
        return waiting_leads(self.path)

    def _run(self, most: int, kill: bool = False) -> None:
        ours, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(
            target=_runs,
            args=(self.slack.base_url, self.slack.token, self.path, most, theirs),
            daemon=True,
        )
        asked = self.slack.log.stat().st_size if self.slack.log.exists() else 0
        process.start()
        theirs.close()
        if kill:
            self._kill(process, asked)
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            raise RuntimeError("a run of the naive pipeline did not come to an end")
        if process.exitcode == -signal.SIGKILL:
            self.kills += 1
        elif process.exitcode != 0:
            raise RuntimeError(f"a run of the naive pipeline ended with {process.exitcode}")
        else:
            self.counts.update(ours.recv())
        ours.close()

    def _kill(self, process: BaseProcess, asked: int) -> None:
        """Kill at a random moment after the first post of this life."""
        while process.is_alive() and self.slack.log.stat().st_size == asked:
            time.sleep(0.001)
        time.sleep(self.random.uniform(0.0, _LONGEST_LIFE))
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)


def _as_one(steps: Sequence[Step]) -> Step:
    """All steps at once: this pipeline has no breaker to close between them."""
    return Step(
        crossings=sum(step.crossings for step in steps),
        post=[fault for step in steps for fault in step.post],
        lasts=steps[-1].lasts,
    )


def _runs(base_url: str, token: str, path: Path, most: int, answer: Connection) -> None:
    """So many runs, as cron starts them, or until no lead is left; answers what came of them."""
    logging.disable(logging.CRITICAL)
    slack, leads = SlackAtHand(token=token, base_url=base_url), Leads(path=str(path))
    counts: Counter[str] = Counter()
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        while counts["runs"] < most and waiting_leads(path):
            result = dg.materialize(
                [lead_alerts],
                resources={"slack": slack, "leads": leads},
                instance=instance,
                raise_on_error=False,
            )
            counts["runs"] += 1
            counts["failed steps"] += sum(
                event.event_type in _FAILED for event in result.all_events
            )
            if not result.success:
                counts["failed runs"] += 1
                counts["told"] += _tell(result, instance, slack)
    answer.send(counts)


def _tell(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, slack: Any) -> int:
    """Do what the daemon does with a run-failure sensor; 0 when the sensor failed itself."""
    [failure] = [event for event in result.all_events if event.is_run_failure]
    context = dg.build_run_status_sensor_context(
        sensor_name="tell_of_failure",
        dagster_event=failure,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    try:
        tell_of_failure(context.for_run_failure(), slack=slack)
    except Exception:
        return 0
    return 1
