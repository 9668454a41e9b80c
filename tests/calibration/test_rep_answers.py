"""What reps said of alerts stands beside the next proposal, with what it speaks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pql_platform.calibration import rep_answers
from pql_platform.ledger.feedback import Answers

SINCE = datetime(2026, 9, 2, tzinfo=UTC)


def said(monkeypatch: pytest.MonkeyPatch, **counts: object) -> list[str]:
    values = {
        "alerted": 40,
        "answered": 20,
        "contacted": 12,
        "not_a_fit": {},
        "wrong_owner": 0,
        **counts,
    }
    monkeypatch.setattr(rep_answers, "answers_since", lambda *_: Answers(**values))  # type: ignore[arg-type]
    return rep_answers.said_by_reps(None, "boards", SINCE)  # type: ignore[arg-type]


def test_the_answers_are_summed_up_and_a_frequent_reason_says_what_to_change(monkeypatch) -> None:
    first, second, *rest = said(monkeypatch, not_a_fit={"student": 7, "other": 3, "too_small": 1})
    assert first == (
        "Reps answered 20 of 40 alerts since 2 Sep 2026: 12 contacted, 11 not a fit, "
        "0 with the wrong owner."
    )
    assert second.startswith("7 of them: student or private use. That speaks for a `fit.exclude`")
    # "Another reason" speaks for nothing, and one of twenty is no pattern.
    assert rest == []


def test_often_the_wrong_owner_speaks_for_other_routes(monkeypatch) -> None:
    assert "other routes" in said(monkeypatch, wrong_owner=2)[-1]
    assert len(said(monkeypatch, wrong_owner=1)) == 1


def test_a_handful_of_answers_is_not_reported(monkeypatch) -> None:
    assert said(monkeypatch, answered=4) == []
