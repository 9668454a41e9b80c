"""`pql rollout`: how far programs reach, who decided it and why, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pql_platform.handoff.pilot import OUTSIDE_SAMPLE
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import NewHandoff, open_handoff
from pql_platform.ledger.rollouts import (
    RolloutDecision,
    file_digest,
    list_decisions,
    record_decision,
)
from pql_platform.ledger.tables import handoffs
from pql_platform.program.load import load_programs
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.connection import open_serving

DECIDED = ("--by", "ana", "--why", "a month of two reps [q1]")
PILOT = ("--stage", "pilot", *DECIDED)


def state(pql: Callable[..., Any], *options: str) -> dict[str, Any]:
    [shown] = pql("rollout", *options, "--json").json
    return dict(shown)


def decided(settings: Settings) -> list[str]:
    engine = open_ledger(settings.ledger_url)
    with engine.begin() as conn:
        stages = [one.stage for one in list_decisions(conn, "boards")]
    engine.dispose()
    return stages


def test_without_a_decision_the_file_is_shown(today: Settings, pql: Callable[..., Any]) -> None:
    assert state(pql) == {
        "program": "boards",
        "stage": "live",
        "sample": 0.1,
        "reps": [],
        "by": "head of growth",
        "on": "2026-09-15",
        "pilot": None,
        "decisions": [],
    }
    shown = " ".join(pql("rollout", "boards").out.split())
    assert shown == (
        "boards is in its live stage, decided by head of growth on 2026-09-15: "
        "every lead is handed over."
    )
    assert decided(today) == []


def test_a_stage_is_changed_with_who_and_why(today: Settings, pql: Callable[..., Any]) -> None:
    now = state(pql, *PILOT, "--sample", "0.2", "--rep", "bea", "--rep", "cyrus")
    assert (now["stage"], now["sample"], now["reps"], now["by"]) == (
        "pilot",
        0.2,
        ["bea", "cyrus"],
        "ana",
    )
    [decision] = now["decisions"]
    assert (decision["stage"], decision["by"], decision["why"]) == ("pilot", "ana", DECIDED[3])
    assert now["pilot"]["handed_over"] == now["pilot"]["held_back"] == 0
    assert "10 of each are needed" in now["pilot"]["obstacle"]
    shown = " ".join(pql("rollout").out.split())
    for said in (
        "boards is in its pilot stage, decided by ana",
        "20% of the leads are handed over, to bea, cyrus.",
        "Pilot: 0 of 0 leads handed over bought, 0 of 0 held back; 0 still open.",
        "Not yet live: 0 leads handed over",
        "[q1]",
    ):
        assert said in shown


def test_a_pilot_that_goes_on_keeps_what_is_not_said_anew(
    today: Settings, pql: Callable[..., Any]
) -> None:
    state(pql, *PILOT, "--sample", "0.2", "--rep", "bea")
    larger = state(pql, *PILOT, "--sample", "0.5")
    assert (larger["sample"], larger["reps"]) == (0.5, ["bea"])
    state(pql, "--stage", "shadow", *DECIDED)
    anew = state(pql, *PILOT)
    assert (anew["sample"], anew["reps"]) == (0.1, [])
    assert decided(today) == ["pilot", "pilot", "shadow", "pilot"]


def test_names_with_brackets_are_shown_as_they_are(
    today: Settings, pql: Callable[..., Any]
) -> None:
    answer = pql("rollout", "--stage", "shadow", "--by", "[/ana]", "--why", "[bold]x[/nothing]")
    assert answer.code == 0, answer.err
    assert "decided by [/ana] on" in " ".join(answer.out.split())
    assert "[bold]x[/nothing]" in answer.out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("board", *PILOT), "no program board", "`boards`"),
        (("--stage", "beta", *DECIDED), "'beta' is no stage", "pilot"),
        (("--stage", "pilot", "--by", "ana"), "who and why", "--why"),
        (("--stage", "pilot", "--why", "x"), "who and why", "--by"),
        (("--stage", "pilot", "--by", " ", "--why", "x"), "who and why", "--by"),
        (("--stage", "pilot", "--by", "ana", "--why", " "), "who and why", "--why"),
        (("--stage", "pilot", "--by", "a\nb", "--why", "x"), "--by", "rollout"),
        (("--stage", "pilot", "--by", "a" * 201, "--why", "x"), "--by", "rollout"),
        (("--stage", "pilot", "--by", "ana", "--why", "a\0b"), "--why: holds", "Remove"),
        (("--stage", "pilot", "--by", "\udcff", "--why", "x"), "--by", "rollout"),
        (("--stage", "pilot", "--by", "ana", "--why", "\udcff"), "--why: holds", "Remove"),
        ((*PILOT, "--sample", "0"), "0.0 is no share", "0.2"),
        ((*PILOT, "--sample", "1.5"), "1.5 is no share", "0.2"),
        ((*PILOT, "--sample", "nan"), "nan is no share", "0.2"),
        ((*PILOT, "--sample", "inf"), "inf is no share", "0.2"),
        ((*PILOT, "--sample", "1e-9"), "--sample: ", "rollout"),
        ((*PILOT, "--rep", "bee"), "bee is not in the team file", "`bea`"),
        ((*PILOT, "--rep", "inside-sales"), "inside-sales is not in the team file", ""),
        (DECIDED, "nothing would change", "shadow, pilot, live"),
        (("--sample", "0.2"), "nothing would change", "shadow, pilot, live"),
        (("--rep", "bea"), "nothing would change", "shadow, pilot, live"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    today: Settings,
    pql: Callable[..., Any],
    arguments: tuple[str, ...],
    message: str,
    hint: str,
) -> None:
    answer = pql("rollout", *arguments)
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err
    assert hint in answer.err
    assert decided(today) == []
    assert state(pql)["stage"] == "live"


def test_of_several_programs_the_one_to_change_is_named(
    today: Settings, pql: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    text = today.programs.read_text()
    (folder / "boards.yaml").write_text(text)
    (folder / "docs.yaml").write_text(text.replace("program: boards", "program: docs"))
    monkeypatch.setenv("PQL_PROGRAMS", str(folder))
    assert [one["program"] for one in pql("rollout", "--json").json] == ["boards", "docs"]
    refused = pql("rollout", *PILOT)
    assert refused.code == 1
    assert "One of boards, docs" in refused.err
    assert state(pql, "docs", *PILOT)["stage"] == "pilot"
    assert state(pql, "boards")["stage"] == "live"


def test_nobody_goes_live_from_the_shadow_without_a_pilot(
    today: Settings, pql: Callable[..., Any]
) -> None:
    state(pql, "--stage", "shadow", *DECIDED)
    refused = pql("rollout", "--stage", "live", *DECIDED)
    assert refused.code == 1
    assert "none has run since the program was in its shadow stage" in refused.err
    assert state(pql)["stage"] == "shadow"
    assert state(pql, "--stage", "live", "--force", *DECIDED)["stage"] == "live"


def buyers(settings: Settings, since: datetime, until: datetime) -> list[str]:
    """Accounts of the simulated company that bought within some time."""
    with open_serving(settings) as connection:
        rows = connection.execute(
            "SELECT account_id FROM features.subjects WHERE program = 'boards'"
            " AND level = 'account' AND converted_at BETWEEN $since AND $until ORDER BY ALL",
            {"since": since.replace(tzinfo=None), "until": until.replace(tzinfo=None)},
        ).fetchall()
    return [account for (account,) in rows]


def begin_pilot(settings: Settings, told: list[str], held_back: list[str]) -> None:
    """Write a pilot into the ledger that began 31 days ago, with all its crossings at once."""
    [file] = load_programs(settings.programs)
    began = datetime.now(UTC) - timedelta(days=31)
    digest = file_digest(file.program)
    engine = open_ledger(settings.ledger_url)
    with engine.begin() as conn:
        conn.execute(update(handoffs).where(handoffs.c.closed_at.is_(None)).values(closed_at=began))
        record_decision(
            conn,
            RolloutDecision(
                "boards",
                "pilot",
                Decimal("0.5"),
                None,
                began,
                "ana",
                "x",
                digest,
            ),
        )
        for account in (*told, *held_back):
            crossed = began + timedelta(minutes=1)
            id_ = open_handoff(conn, crossing(account, crossed), [])
            state = {"state": "DELIVERED", "reason": None} if account in told else {}
            changed = update(handoffs).where(handoffs.c.id == id_)
            conn.execute(changed.values(closed_at=crossed, **state))
    engine.dispose()


def crossing(account: str, at: datetime) -> NewHandoff:
    return NewHandoff(
        program="boards",
        motion="new_business",
        level="account",
        subject_id=account,
        account_id=account,
        tier=2,
        episode=77,
        score=Decimal(80),
        threshold=Decimal(60),
        version_id="boards-v1",
        paying=False,
        crossed_at=at,
        opened_at=at,
        owner="bea",
        due_at=None,
        story={},
        suppressed_because=OUTSIDE_SAMPLE,
    )


@pytest.mark.parametrize("helped", [True, False])
def test_the_measured_conversion_of_the_pilot_is_the_gate_to_live(
    today: Settings, pql: Callable[..., Any], helped: bool
) -> None:
    now = datetime.now(UTC)
    bought = buyers(today, now - timedelta(days=30), now - timedelta(days=2))
    assert bought, "somebody of the simulated company bought"
    groups = {True: [*bought, *(f"t{n}" for n in range(10))], False: [f"h{n}" for n in range(12)]}
    begin_pilot(today, told=groups[helped], held_back=groups[not helped])
    pilot = state(pql)["pilot"]
    size = {True: len(bought) + 10, False: 12}
    assert (pilot["handed_over"], pilot["held_back"]) == (size[helped], size[not helped])
    assert pilot["handed_over_bought"] == (len(bought) if helped else 0)
    assert pilot["held_back_bought"] == (0 if helped else len(bought))
    live = ("--stage", "live", *DECIDED)
    if helped:
        assert pilot["obstacle"] is None
        assert state(pql, *live)["stage"] == "live"
        return
    refused = pql("rollout", *live)
    assert (refused.code, refused.out) == (1, "")
    assert "bought 0.00 times as often as those that were not" in refused.err
    assert "--force" in refused.err
    assert state(pql)["stage"] == "pilot"
    assert state(pql, "--force", *live)["stage"] == "live"
    assert decided(today) == ["pilot", "live"]


def test_a_decision_counts_from_the_next_pass_on(
    today: Settings,
    pql: Callable[..., Any],
    crossing_session: Callable[..., Path],
    runs_in_memory: None,
) -> None:
    from pql_platform.passes import run_job

    assert today == load_settings()
    state(pql, *PILOT, "--sample", "1", "--rep", "cyrus")
    crossing_session(today, "ws_pilot", colleague=True)
    run_job(today, "live_pass", rebuild=False)
    state(pql, "--stage", "shadow", *DECIDED)
    crossing_session(today, "ws_shadow", colleague=True)
    run_job(today, "live_pass", rebuild=False)
    found = {
        one["account"]: (one["state"], one["owner"], one["reason"])
        for one in pql("handoffs", "--json").json
        if one["level"] == "account" and one["account"] in ("ws_pilot", "ws_shadow")
    }
    assert found["ws_pilot"] == ("DELIVERED", "cyrus", None)
    assert found["ws_shadow"][0] == "SUPPRESSED"
    assert found["ws_shadow"][2] == "the program is in its shadow stage"
