"""Every promise of every suite: good frames keep all, a bad figure breaks its own and no other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from expectations.suites import SUITES
from expectations.validation import SuiteResult, validate

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
NAN = float("nan")

GOOD: dict[str, dict[str, dict[str, Any]]] = {
    "events": {
        "stream": {
            "stream": "all events",
            "loads": 20.0,
            "events": 90_000.0,
            "accepted_last_day": 3_000.0,
            "quarantined_share": 0.002,
            "events_last_day": 3_000.0,
            "events_before": 80_000.0,
            "least_before": 2_800.0,
            "volume_ratio": 1.05,
            "known_kept": 0.98,
            "midnight_share": 0.0,
            "silence_ratio": 0.1,
        },
        "names": {"event": "Board Created", "last_day": 70.0, "least_before": 61.0},
        "amounts": {
            "program": "boards",
            "signal": "spent",
            "property": "order.amount",
            "events": 900.0,
            "unusable_share": 0.01,
        },
    },
    "features": {
        "accounts": {
            "account_id": "acme",
            "id_in_lower_case": "acme",
            "employees": 250.0,
            "users": 40.0,
            "share_of_users": 0.02,
            "all_users": 2_000.0,
            "all_accounts": 500.0,
        },
        "conversions": {"program": "boards", "before": 60.0, "last_week": 12.0},
        "facts": {
            "fact": "industry",
            "new_accounts": 80.0,
            "older_accounts": 420.0,
            "older_known_share": 0.8,
            "known_kept": 1.0,
        },
        "profiles": {"program": "boards", "active_accounts": 400.0, "accounts_on_its_plans": 9.0},
        "signals": {
            "program": "boards",
            "signal": "invites",
            "active_accounts": 400.0,
            "history_days": 90.0,
            "accounts_showing_it": 90.0,
            "accounts_fed": 120.0,
            "no_numbers": 0.0,
            "busiest_account": "acme",
            "busiest_per_day": 12.0,
        },
    },
    "scores": {
        "programs": {
            "program": "boards",
            "level": "account",
            "subjects": 500.0,
            "with_points": 300.0,
            "different_scores": 120.0,
            "mean_score": 24.5,
            "full_share": 0.01,
            "no_numbers": 0.0,
            "active_accounts": 400.0,
            "active_zero_share": 0.2,
            "unjudged": 0.0,
            "judged_by_another_score": 0.0,
        },
        "categories": {
            "program": "boards",
            "category": "viral",
            "active_accounts": 400.0,
            "accounts_earning": 90.0,
        },
    },
    "handoffs": {
        "handoffs": {
            "handoff": "h0123",
            "state": "DELIVERED",
            "told": 1.0,
            "delivered": 1.0,
            "escalates": 1.0,
            "age_hours": 30.0,
            "points_over_threshold": 4.25,
            "hours_from_crossing": 0.1,
            "hours_to_deadline": 2.0,
            "hours_to_delivery": 0.1,
            "length_of_account_name": 4.0,
            "reasons": 3.0,
            "addresses": 0.0,
        },
        "subjects": {
            "program": "boards",
            "level": "account",
            "subject": "acme",
            "times_in_a_week": 1.0,
        },
        "week": {
            "program": "boards",
            "handoffs": 40.0,
            "dead_share": 0.0,
            "without_contact_share": 0.1,
        },
    },
}

# Suite, frame, what is changed in it, the promise that breaks.
BROKEN: list[tuple[str, str, dict[str, Any], str]] = [
    ("events", "stream", {"events": 0.0}, "events_are_there"),
    ("events", "stream", {"quarantined_share": 0.01}, "quarantine_stays_small"),
    ("events", "names", {"last_day": 0.0}, "scored_events_keep_coming"),
    ("events", "stream", {"volume_ratio": 0.05}, "volume_is_usual"),
    ("events", "stream", {"volume_ratio": 25.0}, "volume_is_usual"),
    ("events", "stream", {"known_kept": 0.4}, "people_stay_recognisable"),
    ("events", "stream", {"midnight_share": 0.9}, "events_carry_the_time_of_day"),
    ("events", "stream", {"silence_ratio": 3.5}, "the_stream_is_alive"),
    ("events", "amounts", {"unusable_share": 0.05}, "amounts_are_numbers"),
    ("features", "accounts", {"id_in_lower_case": "undefined"}, "accounts_have_real_ids"),
    ("features", "accounts", {"share_of_users": 0.4}, "no_account_swallows_the_rest"),
    ("features", "accounts", {"employees": 9e9}, "head_counts_are_plausible"),
    ("features", "conversions", {"last_week": 0.0}, "conversions_are_still_recorded"),
    (
        "features",
        "facts",
        {"known_kept": 0.3},
        "new_accounts_are_as_well_known_as_older_ones",
    ),
    ("features", "signals", {"accounts_showing_it": 0.0}, "every_signal_is_shown_by_somebody"),
    ("features", "signals", {"accounts_fed": 0.0}, "every_signal_is_fed"),
    ("features", "signals", {"no_numbers": 1.0}, "values_are_numbers"),
    ("features", "profiles", {"accounts_on_its_plans": 0.0}, "the_plans_of_a_program_are_found"),
    ("features", "signals", {"busiest_per_day": 2e4}, "nobody_is_busier_than_people_can_be"),
    ("scores", "programs", {"different_scores": 5.0}, "scores_tell_subjects_apart"),
    ("scores", "programs", {"mean_score": 61.0}, "the_average_leaves_room"),
    ("scores", "programs", {"full_share": 0.3}, "the_top_is_not_crowded"),
    ("scores", "programs", {"active_zero_share": 0.99}, "activity_earns_points"),
    ("scores", "programs", {"no_numbers": 1.0}, "scores_are_numbers"),
    ("scores", "programs", {"unjudged": 1.0}, "everybody_scored_is_judged"),
    ("scores", "programs", {"judged_by_another_score": 1.0}, "judged_by_the_score_shown"),
    ("scores", "categories", {"accounts_earning": 0.0}, "every_category_is_used"),
    ("handoffs", "handoffs", {"points_over_threshold": -0.25}, "crossed_the_threshold"),
    ("handoffs", "handoffs", {"hours_from_crossing": -1.0}, "crossed_before_opened"),
    ("handoffs", "handoffs", {"hours_to_deadline": 0.0}, "deadline_lies_ahead"),
    ("handoffs", "handoffs", {"hours_to_deadline": NAN}, "escalation_has_a_deadline"),
    ("handoffs", "handoffs", {"hours_to_delivery": NAN}, "delivery_has_its_moment"),
    ("handoffs", "handoffs", {"length_of_account_name": 0.0}, "story_names_the_account"),
    ("handoffs", "handoffs", {"reasons": 0.0}, "story_gives_a_reason"),
    ("handoffs", "handoffs", {"state": "PENDING"}, "fate_within_a_day"),
    ("handoffs", "handoffs", {"addresses": 1.0}, "people_are_not_called_by_address"),
    ("handoffs", "subjects", {"times_in_a_week": 4.0}, "nobody_is_handed_over_again_and_again"),
    ("handoffs", "week", {"dead_share": 0.1}, "few_are_given_up"),
    ("handoffs", "week", {"without_contact_share": 0.6}, "there_is_somebody_to_speak_to"),
]


SMALL: list[tuple[str, str, dict[str, Any]]] = [
    ("events", "stream", {"events": 0.0, "loads": 0.0}),
    ("events", "stream", {"quarantined_share": 0.5, "accepted_last_day": 999.0}),
    ("events", "stream", {"volume_ratio": 0.0, "least_before": 499.0}),
    ("events", "stream", {"known_kept": 0.0, "events_last_day": 499.0}),
    ("events", "stream", {"midnight_share": 1.0, "events_last_day": 99.0}),
    ("events", "stream", {"silence_ratio": 99.0, "loads": 4.0}),
    ("events", "names", {"last_day": 0.0, "least_before": 49.0}),
    ("events", "amounts", {"unusable_share": 1.0, "events": 19.0}),
    ("features", "accounts", {"id_in_lower_case": "null", "users": 4.0}),
    ("features", "accounts", {"share_of_users": 0.9, "all_accounts": 99.0}),
    ("features", "accounts", {"share_of_users": 0.9, "all_users": 999.0}),
    ("features", "conversions", {"last_week": 0.0, "before": 39.0}),
    ("features", "facts", {"known_kept": 0.0, "new_accounts": 49.0}),
    ("features", "signals", {"accounts_showing_it": 0.0, "active_accounts": 299.0}),
    ("features", "signals", {"accounts_fed": 0.0, "history_days": 29.0}),
    ("features", "signals", {"accounts_fed": 0.0, "active_accounts": 0.0}),
    ("features", "profiles", {"accounts_on_its_plans": 0.0, "active_accounts": 49.0}),
    ("features", "profiles", {"accounts_on_its_plans": NAN}),
    ("scores", "programs", {"different_scores": 1.0, "with_points": 49.0}),
    ("scores", "programs", {"mean_score": 99.0, "full_share": 0.9, "subjects": 49.0}),
    ("scores", "programs", {"active_zero_share": 1.0, "active_accounts": 99.0}),
    ("scores", "categories", {"accounts_earning": 0.0, "active_accounts": 299.0}),
    ("handoffs", "week", {"dead_share": 1.0, "handoffs": 19.0}),
    ("handoffs", "handoffs", {"state": "PENDING", "age_hours": 23.9}),
    ("handoffs", "handoffs", {"hours_to_deadline": NAN, "escalates": 0.0}),
    ("handoffs", "handoffs", {"reasons": 0.0, "addresses": 2.0, "told": 0.0}),
]


def judge(tmp_path: Path, suite: str, rows: dict[str, list[dict[str, Any]]]) -> SuiteResult:
    """Judge the good rows together with those of `rows`, each a change of a good one."""
    frames = {
        name: pd.DataFrame([good, *({**good, **change} for change in rows.get(name, []))])
        for name, good in GOOD[suite].items()
    }
    return validate(SUITES[suite], frames, docs=tmp_path / "docs", now=NOW)


@pytest.mark.parametrize("suite", list(SUITES))
def test_good_frames_keep_every_promise(suite: str, tmp_path: Path) -> None:
    result = judge(tmp_path, suite, {})

    assert result.passed
    assert [found.judged for found in result.promises] == [1] * len(SUITES[suite].promises)


@pytest.mark.parametrize("suite", list(SUITES))
def test_a_bad_row_breaks_its_own_promise_and_no_other(suite: str, tmp_path: Path) -> None:
    # All bad rows at once, since judging takes its time; each row is named after its promise.
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, frame, change, broken in BROKEN:
        if name == suite:
            row_name = SUITES[suite].row_names[frame][0]
            rows.setdefault(frame, []).append({row_name: broken, **change})

    result = judge(tmp_path, suite, rows)

    assert [found.promise.name for found in result.broken] == [
        promise.name for promise in SUITES[suite].promises
    ]
    for found in result.broken:
        assert found.examples
        assert all(example.startswith(found.promise.name) for example in found.examples)


def test_every_promise_has_a_bad_row_here() -> None:
    promised = {promise.name for suite in SUITES.values() for promise in suite.promises}

    assert promised == {case[3] for case in BROKEN}


@pytest.mark.parametrize("suite", list(SUITES))
def test_too_little_data_is_no_fault(suite: str, tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, frame, change in SMALL:
        if name == suite:
            rows.setdefault(frame, []).append(change)

    assert judge(tmp_path, suite, rows).passed


def test_only_some_promises_hold_deliveries(tmp_path: Path) -> None:
    late = judge(tmp_path, "handoffs", {"handoffs": [{"state": "PENDING"}]})

    assert not late.passed
    assert not late.holds_deliveries


def test_examples_are_the_ids_of_five_rows_on_a_page_that_stays_small(tmp_path: Path) -> None:
    wrong = [{"handoff": f"h{i}", "reasons": -float(i)} for i in range(5_000)]

    result = judge(tmp_path, "handoffs", {"handoffs": wrong})

    assert result.holds_deliveries
    assert result.broken[0].examples == ("h0: -0", "h1: -1", "h2: -2", "h3: -3", "h4: -4")
    assert result.broken[0].observed == "-4,999 to 3 in 5001 rows, 5000 of them wrong"
    assert result.page.stat().st_size < 100_000


def test_a_promise_that_cannot_be_judged_is_broken(tmp_path: Path) -> None:
    frames = {name: pd.DataFrame([row]) for name, row in GOOD["scores"].items()}
    frames["categories"] = frames["categories"].drop(columns="accounts_earning")

    result = validate(SUITES["scores"], frames, docs=tmp_path / "docs", now=NOW)

    assert [found.promise.name for found in result.broken] == ["every_category_is_used"]
    assert result.broken[0].observed.startswith("could not be judged")


def test_the_data_docs_hold_the_sentences_and_need_no_network(tmp_path: Path) -> None:
    result = judge(tmp_path, "scores", {"programs": [{"mean_score": 61.0}]})

    page = result.page.read_text(encoding="utf-8")
    index = (tmp_path / "docs" / "index.html").read_text(encoding="utf-8")
    for promise in SUITES["scores"].promises:
        assert promise.sentence in page
        assert promise.sentence in index
    assert "a promise is broken" in page
    assert 'href="scores.html"' in index
    assert "Not judged yet" in index
    for text in (page, index):
        assert "http" not in text
        assert "<script" not in text


def test_the_documentation_lists_every_promise() -> None:
    text = (Path(__file__).parents[2] / "docs" / "expectations.md").read_text(encoding="utf-8")

    for suite in SUITES.values():
        assert suite.about in text
        for promise in suite.promises:
            says = "yes" if promise.holds_deliveries else ""
            (row,) = (line for line in text.splitlines() if promise.sentence in line)
            assert row.endswith(f"| {says} |")
    total = sum(len(suite.promises) for suite in SUITES.values())
    assert f"{total} promises" in text
