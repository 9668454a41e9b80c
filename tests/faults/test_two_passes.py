"""Two live passes at the same moment, in two processes, do what one does."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pql_platform.passes import run_job
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving

PROCESS = Path(__file__).with_name("live_pass_process.py")


def outcome(settings: Settings, ledger: Any) -> Any:
    """What a pass decides, without what depends on the second in which it ran."""
    rows = ledger(settings)
    handoffs = sorted((row[0], row[6], row[8], row[15], row[16]) for row in rows["handoffs"])
    messages = sorted((row[2], row[6]) for row in rows["outbox"])
    with open_serving(settings) as connection:
        tiers = connection.execute(
            "SELECT level, subject_id, score, qualified, tier FROM pql.tiers ORDER BY ALL"
        ).fetchall()
    return handoffs, messages, tiers


def test_two_passes_at_once_end_like_one(
    yesterday: Settings,
    crossing_session: Callable[..., Path],
    start: Any,
    ledger: Any,
    tmp_path: Path,
    monkeypatch: Any,
    request: Any,
) -> None:
    crossing_session(yesterday)
    copy = Path(shutil.copytree(yesterday.home, tmp_path / "alone"))
    alone = yesterday.model_copy(update={"home": copy})
    now = datetime.now(UTC).isoformat()
    both = [start(PROCESS, now, "--meet", tmp_path, "--forget") for _ in range(2)]
    for code, _, err in [process.finish() for process in both]:
        assert code == 0, err

    monkeypatch.setenv("PQL_HOME", str(alone.home))
    request.getfixturevalue("runs_in_memory")
    run_job(alone, "live_pass", rebuild=False)
    assert outcome(yesterday, ledger) == outcome(alone, ledger)
    alerts = [json.loads(path.read_text()) for path in yesterday.alerts.glob("*.json")]
    keys = Counter(alert["metadata"]["event_payload"]["key"] for alert in alerts)
    assert keys.total() >= 3
    assert set(keys.values()) == {1}
