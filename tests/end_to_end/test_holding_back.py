"""What stops a pass before anybody is told, and what stands still until somebody lets it go."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pql_platform.errors import PqlError
from pql_platform.ledger.breakers import open_breaker
from pql_platform.ledger.engine import open_ledger
from pql_platform.passes import run_job
from pql_platform.qualify import checks
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse

pytestmark = pytest.mark.usefixtures("runs_in_memory")

Rows = dict[str, list[tuple[Any, ...]]]


def alerts_of(settings: Settings) -> set[str]:
    return {path.name for path in settings.alerts.glob("*.json")}


def corrupt_a_score(settings: Settings) -> None:
    """Do to one score what a broken model would."""
    with open_warehouse(settings) as connection:
        [(table,)] = connection.execute(
            "SELECT physical_table FROM ops.models WHERE model = 'scores.composites'"
        ).fetchall()
        connection.execute(
            f"UPDATE {table} SET score = 150 WHERE subject_id ="  # noqa: S608 - its own name
            f" (SELECT MIN(subject_id) FROM {table})"
        )


def test_more_than_a_quarter_qualifying_stops_the_pass_and_loses_nothing(
    today: Settings,
    crossing_session: Callable[..., Path],
    ledger: Callable[[Settings], Rows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, known = ledger(today), alerts_of(today)
    path = crossing_session(today)
    with monkeypatch.context() as patch:
        # The same promise, drawn so tight that this company breaks it.
        patch.setattr(checks, "MAX_QUALIFIED_SHARE", 0.01)
        with pytest.raises(PqlError, match="at_most_a_quarter_qualifies of pql/tiers") as refused:
            run_job(today, "live_pass", rebuild=False)
    assert re.search(r"boards: \d+\.\d% of 131", str(refused.value))
    assert "nothing was handed over" in str(refused.value)
    assert ledger(today) == before
    assert alerts_of(today) == known
    assert (today.archive / path.name).exists()
    mended = run_job(today, "live_pass", rebuild=False)
    assert mended.metadata["ledger/handoffs"]["opened"] == 1
    assert len(alerts_of(today) - known) == 1


def test_a_score_outside_its_range_stops_the_pass_before_anybody_is_told(
    today: Settings, ledger: Callable[[Settings], Rows]
) -> None:
    before, known = ledger(today), alerts_of(today)
    corrupt_a_score(today)
    with pytest.raises(PqlError, match="score_is_between_0_and_100 of pql/tiers does not hold"):
        run_job(today, "live_pass", rebuild=False)
    assert ledger(today) == before
    assert alerts_of(today) == known


def test_a_record_without_a_fate_stops_the_pass_before_it_scores(
    today: Settings, crossing_session: Callable[..., Path], ledger: Callable[[Settings], Rows]
) -> None:
    before, known = ledger(today), alerts_of(today)
    crossing_session(today)
    with open_warehouse(today) as connection:
        connection.execute("UPDATE raw.loads SET accepted = accepted + 1, stored = stored + 1")
    with pytest.raises(PqlError, match="every_accepted_record_is_stored_duplicate_or_quarantined"):
        run_job(today, "live_pass", rebuild=False)
    assert ledger(today) == before
    assert alerts_of(today) == known


def break_open(settings: Settings, name: str) -> None:
    engine = open_ledger(settings.ledger_url)
    with engine.begin() as conn:
        open_breaker(conn, name, "scores stand still", "expectations", datetime.now(UTC))
    engine.dispose()


def test_an_open_breaker_holds_the_alert_until_somebody_overrides_it(
    today: Settings, crossing_session: Callable[..., Path], pql: Callable[..., Any]
) -> None:
    known, name = alerts_of(today), "suite:scores"
    crossing_session(today)
    break_open(today, name)
    held = run_job(today, "live_pass", rebuild=False)
    assert held.metadata["ledger/handoffs"]["opened"] == 1
    assert held.metadata["slack/alerts"]["delivered"] == 0
    assert held.metadata["slack/alerts"]["held"] == 1
    assert alerts_of(today) == known
    states = {row["id"]: row["state"] for row in pql("handoffs", "--json").json}
    assert list(states.values()).count("PENDING") == 1

    refused = pql("breakers", "--override", name)
    assert refused.code == 1
    assert refused.err.startswith("pql: This decision needs who and why")
    assert run_job(today, "delivery").metadata["slack/alerts"]["delivered"] == 0

    [breaker] = pql("breakers", "--override", name, "--by", "ada", "--why", "seen", "--json").json
    assert (breaker["name"], breaker["overridden_by"]) == (name, "ada")
    assert run_job(today, "delivery").metadata["slack/alerts"]["delivered"] == 1
    assert len(alerts_of(today) - known) == 1
    assert run_job(today, "delivery").metadata["slack/alerts"]["delivered"] == 0
    assert "PENDING" not in {row["state"] for row in pql("handoffs", "--json").json}


def test_a_breaker_does_not_outlive_what_its_override_allows(
    today: Settings, crossing_session: Callable[..., Path], pql: Callable[..., Any], clock: Any
) -> None:
    break_open(today, "suite:scores")
    who = ("--by", "ada", "--why", "seen")
    too_long = pql("breakers", "--override", "suite:scores", *who, "--hours", "169")
    assert (too_long.code, "within the next 7 days" in too_long.err) == (1, True)
    assert pql("breakers", "--override", "suite:scores", *who, "--hours", "1").code == 0
    clock.shift(timedelta(minutes=61))
    crossing_session(today)
    assert run_job(today, "live_pass", rebuild=False).metadata["slack/alerts"]["held"] == 1
