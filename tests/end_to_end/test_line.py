"""The whole line on one company: from its events to scores, hand-offs, alerts and CRM records."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import fake_slack
import pytest
from slack_sdk.models.blocks import Block
from sqlalchemy import select

from pql_platform.definitions import build_defs
from pql_platform.instance import open_instance
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.crm_tables import crm_companies, crm_contacts, crm_enrolments, crm_tasks
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import Handoff, list_handoffs
from pql_platform.passes import run_job
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving

pytestmark = pytest.mark.usefixtures("runs_in_memory")

NURTURED = 3
"""The tier that goes to a sequence and not to a person."""


def handoffs_of(settings: Settings) -> list[Handoff]:
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        found = list(list_handoffs(conn))
    engine.dispose()
    return found


def delivered(settings: Settings) -> list[Handoff]:
    return [handoff for handoff in handoffs_of(settings) if handoff.state == "DELIVERED"]


def alert_files(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every alert on disk by the key in its metadata."""
    files = [json.loads(path.read_text()) for path in sorted(settings.alerts.glob("*.json"))]
    keys = [file["metadata"]["event_payload"]["key"] for file in files]
    assert len(keys) == len(set(keys)), "a key was written twice"
    return dict(zip(keys, files, strict=True))


def published(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with open_serving(settings) as connection:
        return connection.execute(query).fetchall()


def test_a_full_and_a_live_pass_materialise_every_asset_of_the_line(today: Settings) -> None:
    keys = build_defs(settings=today).resolve_asset_graph().get_all_asset_keys()
    instance = open_instance(today)
    try:
        untouched = {key for key in keys if not instance.get_latest_materialization_event(key)}
    finally:
        instance.dispose()
    # These are drawn anew by the quarterly job; the pass makes the first version itself.
    assert untouched == {
        dg.AssetKey(["calibration", "discovery"]),
        dg.AssetKey(["ledger", "model_versions"]),
    }


def test_every_check_of_the_full_pass_was_made_and_holds(company: Any, today: Settings) -> None:
    graph = build_defs(settings=today).resolve_asset_graph()
    # The suites, the comparison with a rebuild and calibration run in jobs of their own.
    apart = {
        *("stored_scores_equal_rebuilt", "live_versions_still_fit"),
        "every_program_could_be_calibrated",
    }
    wanted = {
        key
        for key in graph.asset_check_keys
        if not key.name.startswith("suite_") and key.name not in apart
    }
    instance = open_instance(today)
    try:
        entries = instance.all_logs(
            company.full.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
    finally:
        instance.dispose()
    checks = [entry.dagster_event.asset_check_evaluation_data for entry in entries]
    assert [check.check_name for check in checks if not check.passed] == []
    assert {check.asset_check_key for check in checks} == wanted
    assert len(wanted) > 20
    assert all(check.blocking for check in checks)


def test_contributions_add_up_to_each_score_to_the_last_digit(today: Settings) -> None:
    rows = published(
        today,
        """
        SELECT composites.score, COALESCE(SUM(contributions.points), 0)
        FROM scores.composites AS composites
        LEFT JOIN scores.contributions AS contributions USING (program, level, subject_id)
        GROUP BY composites.program, composites.level, composites.subject_id, composites.score
        """,
    )
    assert len(rows) > 300
    assert all(isinstance(score, Decimal) and score == points for score, points in rows)


def test_at_most_the_top_share_qualifies_and_nobody_who_pays(company: Any, today: Settings) -> None:
    # As of the pass that drew the threshold; later passes judge by it, whatever the share.
    tiers = company.full.metadata["pql/tiers"]
    assert 0 < tiers["qualified_accounts"] <= 0.12 * tiers["population_accounts"]
    assert published(today, "SELECT COUNT(*) FROM pql.tiers WHERE qualified AND is_paying") == [
        (0,)
    ]
    assert published(today, "SELECT COUNT(*) > 5 FROM pql.tiers WHERE is_paying") == [(True,)]
    assert published(
        today,
        """
        SELECT COUNT(*) FROM pql.tiers
        WHERE level = 'account' AND score >= threshold AND eligible AND NOT qualified
        """,
    ) == [(0,)]


def test_history_tells_nobody_and_the_day_since_tells_each_rep_once(
    company: Any, today: Settings
) -> None:
    before = company.full.metadata["ledger/handoffs"]
    assert before["opened"] == 0
    assert before["suppressed"] == {"history loaded in backfill mode": before["dagster/row_count"]}
    assert company.full.metadata["slack/alerts"]["delivered"] == 0
    told = delivered(today)
    assert len(told) == company.live.metadata["ledger/handoffs"]["opened"] >= 4
    assert {handoff.tier for handoff in told} == {2, 3}
    alerts = alert_files(today).values()
    assert len(alerts) == sum(handoff.tier < NURTURED for handoff in told)
    for handoff in told:
        name = handoff.story["account_name"] or handoff.account_id
        naming = [alert for alert in alerts if f": {name}, score {handoff.score}" in alert["text"]]
        assert len(naming) == (handoff.tier < NURTURED)


def test_every_alert_stays_within_slacks_limits_and_has_a_page(today: Settings) -> None:
    alerts = alert_files(today).values()
    assert alerts
    for alert in alerts:
        assert fake_slack.refusal(alert) is None
        # The SDK's own classes judge: to_dict raises where a limit is broken.
        assert [Block.parse(block).to_dict() for block in alert["blocks"]] == alert["blocks"]
        assert "@" not in alert["text"]
    pages = {path.stem: path.read_text() for path in today.alerts.glob("*.html")}
    assert pages.keys() == {path.stem for path in today.alerts.glob("*.json")}
    assert all("<html" in page and "Say this first" in page for page in pages.values())


def test_every_delivered_handoff_is_in_the_crm_with_what_its_tier_asks_for(
    today: Settings,
) -> None:
    engine = open_ledger(today.ledger_url)
    with reading(engine) as conn:
        companies = {row.external_id: row for row in conn.execute(select(crm_companies))}
        contacts = {row.external_id: row for row in conn.execute(select(crm_contacts))}
        tasks = {row.external_id: row for row in conn.execute(select(crm_tasks))}
        enrolments = {row.external_id: row for row in conn.execute(select(crm_enrolments))}
        assert conservation(conn, "boards").holds
    engine.dispose()
    for handoff in delivered(today):
        company = companies.pop(handoff.account_id)
        assert company.properties["pql_tier"] == handoff.tier
        contact = contacts.pop(handoff.story["contact"]["user_id"])
        assert contact.company_external_id == handoff.account_id
        assert "@" in contact.email
        if handoff.tier < NURTURED:
            task = tasks.pop(f"task:{handoff.id}")
            assert (task.owner, task.due_at) == (handoff.owner, handoff.due_at)
        else:
            assert enrolments.pop(f"enrolment:{handoff.id}").sequence == "trial-tips"
    assert not (companies or contacts or tasks or enrolments), "records without a hand-off"


def test_a_second_pass_and_a_second_drain_deliver_nothing_and_change_no_rows(
    today: Settings, ledger: Callable[[Settings], Any]
) -> None:
    tables = ("pql.tiers", "scores.composites", "scores.contributions", "features.signals")

    def everything() -> Any:
        rows = {}
        with open_serving(today) as connection:
            for table in tables:
                frame = connection.execute(f"FROM {table}").df()
                frame = frame.drop(columns="as_of", errors="ignore")
                rows[table] = sorted(map(repr, frame.to_dict("records")))
        files = {path.name: path.stat().st_mtime_ns for path in today.alerts.iterdir()}
        return rows, files, ledger(today)

    before = everything()
    for job, options in (("live_pass", {"rebuild": False}), ("delivery", {})):
        result = run_job(today, job, **options)
        assert result.metadata["slack/alerts"] == dict.fromkeys(
            (
                *("delivered", "retried", "unknown", "dead", "held", "canceled"),
                *("reminders", "escalations", "breaches", "contacted"),
            ),
            0,
        )
        assert result.metadata["crm/records"]["delivered"] == 0
    assert everything() == before


def test_a_session_that_makes_an_account_cross_gives_exactly_one_alert(
    today: Settings, crossing_session: Callable[..., Path]
) -> None:
    known = alert_files(today).keys()
    path = crossing_session(today, colleague=True)
    result = run_job(today, "live_pass", rebuild=False)
    assert result.metadata["raw/events"]["stored"] == 29
    # The account, and what else its people might have been counted under.
    assert result.metadata["scores/composites"]["scope"] == "touched: 4 accounts"
    [key] = alert_files(today).keys() - known
    alert = alert_files(today)[key]
    assert alert["text"].startswith("Tier 1: Crossing Works, score 100 of 100")
    assert "Ada Moreau connected 5 integrations in the last 30 days" in alert["text"]
    assert "2 people of the account use it" in alert["text"]
    [handoff] = [one for one in delivered(today) if one.account_id == "ws_crossing"]
    assert (handoff.level, handoff.tier, handoff.owner) == ("account", 1, "ae.emea")
    assert not path.exists()
    assert (today.archive / path.name).exists()
    crossing_session(today, colleague=True)
    again = run_job(today, "live_pass", rebuild=False)
    assert again.metadata["ledger/handoffs"]["opened"] == 0
    assert alert_files(today).keys() - known == {key}


def test_the_same_file_twice_is_counted_as_duplicates_and_told_once(
    today: Settings, crossing_session: Callable[..., Path]
) -> None:
    path = crossing_session(today)
    twin = path.with_name(path.name.replace(".parquet", "x.parquet"))
    twin.write_bytes(path.read_bytes())
    result = run_job(today, "live_pass", rebuild=False)
    counts = Counter(
        {name: result.metadata["raw/events"][name] for name in ("stored", "duplicates")}
    )
    assert counts == {"stored": 27, "duplicates": 27}
    assert sum("Crossing Works" in alert["text"] for alert in alert_files(today).values()) == 1


def test_a_tier_1_lead_that_nobody_contacts_is_escalated_once_after_its_deadline(
    today: Settings, crossing_session: Callable[..., Path], clock: Any
) -> None:
    crossing_session(today, colleague=True)
    run_job(today, "live_pass", rebuild=False)
    clock.shift(timedelta(hours=1, minutes=50))
    assert run_job(today, "delivery").metadata["slack/alerts"]["escalations"] == 0
    clock.shift(timedelta(minutes=15))
    first, second = (run_job(today, "delivery").metadata["slack/alerts"] for _ in range(2))
    # The breach is reported beside the escalation, to the people on call.
    assert (first["escalations"], first["breaches"], first["delivered"]) == (1, 1, 2)
    assert (second["escalations"], second["delivered"]) == (0, 0)
    texts = [alert["text"] for alert in alert_files(today).values()]
    assert sum(text.startswith("Escalated: Tier 1: Crossing Works") for text in texts) == 1


def test_after_six_hours_without_the_daemon_a_crossing_is_told_once_and_said_to_be_late(
    today: Settings, crossing_session: Callable[..., Path], clock: Any
) -> None:
    crossing_session(today, colleague=True)
    clock.shift(timedelta(hours=6))
    run_job(today, "live_pass", rebuild=False)
    run_job(today, "live_pass", rebuild=False)
    run_job(today, "delivery")
    texts = [alert["text"] for alert in alert_files(today).values()]
    [told] = [text for text in texts if "Crossing Works" in text]
    assert re.search(r"Crossed the line 6 h( \d+ min)? ago, so this message comes late", told)
    # The time to the first contact begins when somebody can know of it.
    [lead] = [one for one in delivered(today) if one.account_id == "ws_crossing"]
    assert lead.due_at is not None
    assert lead.due_at > datetime.now(UTC)


def test_a_lead_that_somebody_contacts_in_time_is_not_escalated(
    today: Settings,
    crossing_session: Callable[..., Path],
    pql: Callable[..., Any],
    clock: Any,
) -> None:
    crossing_session(today)
    run_job(today, "live_pass", rebuild=False)
    [lead] = [one for one in delivered(today) if one.account_id == "ws_crossing"]
    clock.shift(timedelta(minutes=90))
    assert pql("contacted", lead.id, "--by", "ada", "--json").json["first"] is True
    assert pql("contacted", lead.id, "--by", "ben", "--json").json["first"] is False
    clock.shift(timedelta(hours=2))
    assert run_job(today, "delivery").metadata["slack/alerts"]["escalations"] == 0
    [stored] = [one for one in delivered(today) if one.id == lead.id]
    assert stored.contacted_by == "ada"


@pytest.mark.parametrize("level", ["account", "user"])
def test_the_past_asked_for_later_is_what_was_said_then(
    level: str, company: Any, today: Settings, pql: Callable[..., Any]
) -> None:
    said = published(
        Settings(PQL_HOME=company.yesterday),
        f"""
        SELECT subject_id, score, qualified, tier, strftime(as_of, '%xT%XZ')
        FROM pql.tiers WHERE level = '{level}' ORDER BY subject_id
        """,  # noqa: S608
    )
    as_of = said[0][-1]
    rows = pql("scores", "--level", level, "--as-of", as_of, "--json").json
    asked = [
        (row["id"], row["score"], row["qualified"], row["tier"], row["as_of"])
        for row in sorted(rows, key=lambda row: row["id"])
    ]
    assert asked == [(*row[:1], float(row[1]), *row[2:]) for row in said]
    now = pql("scores", "--level", level, "--json").json
    assert {row["id"]: row["score"] for row in now} != {row[0]: row[1] for row in asked}
