"""What the hand-offs of a whole company tell, read as a rep would read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pql_platform.domain.story import AlertStory
from pql_platform.ledger.crm_tables import crm_tasks
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.tables import handoffs
from pql_platform.passes import run_job
from pql_platform.settings import Settings

pytestmark = pytest.mark.usefixtures("runs_in_memory")


def rows_of(settings: Settings, table: Any) -> list[Any]:
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        rows = list(conn.execute(select(table)).all())
    engine.dispose()
    return rows


def alert_texts(settings: Settings) -> list[str]:
    return [json.loads(path.read_text())["text"] for path in settings.alerts.glob("*.json")]


@pytest.fixture
def told(today: Settings, crossing_session: Callable[..., Path]) -> Settings:
    """The company after a team and a person alone have crossed."""
    crossing_session(today, colleague=True)
    crossing_session(today, account="ws_alone")
    run_job(today, "live_pass", rebuild=False)
    return today


def test_the_reasons_of_every_story_add_up_to_its_score(told: Settings) -> None:
    rows = rows_of(told, handoffs)
    assert {row.level for row in rows} == {"user", "account"}
    for row in rows:
        story = AlertStory.from_json(row.story)
        parts = [*story.signals, *story.other_reasons]
        assert sum(part.points for part in parts) == story.score == row.score
        assert sum(fact.points for fact in story.signals) == sum(story.categories.values())


def test_the_reasons_of_every_crm_task_add_up_to_the_score_in_its_first_line(
    told: Settings,
) -> None:
    tasks = rows_of(told, crm_tasks)
    assert len(tasks) >= 2
    for task in tasks:
        (score,) = re.findall(r"^Score ([\d.]+) of 100", task.body)
        reasons = re.findall(r"^- .*\(([+-][\d.]+)\)$", task.body, re.M)
        assert sum(map(float, reasons)) == float(score)


def test_an_account_is_told_by_who_did_what_and_a_user_by_what_they_did(told: Settings) -> None:
    for row in rows_of(told, handoffs):
        facts = AlertStory.from_json(row.story).signals
        assert {fact.actor for fact in facts} == {"person" if row.level == "account" else ""}
        assert all(fact.user_id for fact in facts)
    (team,) = (text for text in alert_texts(told) if "score 100 of 100" in text)
    assert "Ada Moreau connected 5 integrations in the last 30 days" in team
    assert "2 people of the account use it" in team
    assert "Hi Ada, I noticed that you " in team


def test_one_person_alone_is_held_at_the_cap_and_the_alert_says_so(told: Settings) -> None:
    (alone,) = (text for text in alert_texts(told) if "one person alone" in text)
    assert alone.startswith("Tier 2: Crossing Works, score 75 of 100")
    assert "one person alone -35; together 75." in alone
