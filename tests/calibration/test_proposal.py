"""The starter program: what is proposed, what is refused, and that its file says all of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pql_platform.calibration.aha import Aha
from pql_platform.calibration.aha_proposal import aha_candidates, looser_gate, with_advice
from pql_platform.calibration.discovery import Discovery, Finding
from pql_platform.calibration.draft import Draft, DraftSignal, Figure
from pql_platform.calibration.draft_text import draft_text
from pql_platform.calibration.product_facts import EventFacts, ProductFacts, conversion_candidates
from pql_platform.calibration.proposal import (
    core_events,
    default_weights,
    proposed_events,
    refusal,
    sessions_signal,
    signal_of,
    tier_scores,
    value_metric,
)
from pql_platform.errors import PqlError
from pql_platform.program.load import load_program

NOW = datetime(2026, 3, 4, 15, tzinfo=UTC)
PURCHASE = "Subscription Started"


def finding(event: str, verdict: Any = "signal", lift: float = 3.0, **other: Any) -> Finding:
    known = {
        "property": None,
        "value": None,
        "at_least": 2,
        "converted_share": 0.6,
        "other_share": 0.2,
        "lift_low": lift * 0.7,
        "lift_high": lift * 1.4,
        "q_value": 0.01,
        "n_converted": 100,
        "n_other": 500,
        "window": "first_14_days",
        "reason": f"A reason for {event}.",
        "stability": 1.0,
        **other,
    }
    return Finding(event=event, verdict=verdict, lift=lift, **known)


def discovery(*findings: Finding, aha: Aha | None = None) -> Discovery:
    return Discovery("draft", NOW, findings, aha, 100, 500, {}, ())


def aha_of(event: str, converted_share: float = 0.7, at_least: int = 3) -> Aha:
    return Aha(event, at_least, 7, converted_share, 0.1, 7.0, 4.0, 10.0, 50, 250, 0.001, 1.0, None)


def facts_of(**accounts: int) -> ProductFacts:
    events = [
        EventFacts(name.replace("_", " "), 10 * number, number, number // 2, 0)
        for name, number in accounts.items()
    ]
    return ProductFacts(1000, 2000, 900, 900, (), tuple(events))


NOTHING = facts_of()


def events_of(proposed: Sequence[Finding | EventFacts]) -> list[str]:
    return [one.event for one in proposed]


def test_the_surest_signal_of_each_kind_comes_first_and_four_are_enough() -> None:
    found = discovery(
        finding("Report Exported", lift=9),
        finding("Board Created", lift=8),
        finding("Chart Drawn", lift=7),
        finding("Teammate Invited", lift=3),
        finding("Limit Reached", lift=2.5),
    )
    assert events_of(proposed_events(found, NOTHING)) == [
        "Report Exported",
        "Limit Reached",
        "Teammate Invited",
        "Board Created",
    ]


@pytest.mark.parametrize("verdict", ["leak", "vanity", "confounded", "survivorship"])
def test_what_is_no_signal_is_not_proposed_however_large_its_lift(verdict: str) -> None:
    found = discovery(finding("Bill Shown", verdict, lift=30), finding("Board Created"))
    assert events_of(proposed_events(found, NOTHING)) == ["Board Created"]


def test_a_rare_signal_with_a_large_lift_stands_behind_a_surer_one() -> None:
    rare, sure = finding("A Used", lift=9, lift_low=1.2), finding("B Used", lift=4, lift_low=3.0)
    assert events_of(proposed_events(discovery(rare, sure), NOTHING)) == ["B Used", "A Used"]


def test_weak_ones_help_out_unless_they_speak_against_buying() -> None:
    found = discovery(
        finding("Board Created"),
        finding("Chart Drawn", "weak", lift=1.5),
        finding("Board Deleted", "weak", lift=0.4),
    )
    assert events_of(proposed_events(found, NOTHING)) == ["Board Created", "Chart Drawn"]


def test_splits_by_a_property_are_left_to_people() -> None:
    split = finding("Board Shared", property="role", value="editor", lift=9)
    assert events_of(proposed_events(discovery(split, finding("Board Created")), NOTHING)) == [
        "Board Created"
    ]


def test_where_nothing_could_be_compared_work_is_guessed_and_said_to_be_a_guess() -> None:
    facts = facts_of(Signed_Up=1000, Logged_In=900, Board_Created=800, Board_Viewed=700, Shared=90)
    proposed = proposed_events(discovery(), facts)
    assert events_of(proposed) == ["Board Created", "Shared"]
    assert signal_of(proposed[0], ()).evidence.startswith("A guess: 800 accounts")


@pytest.mark.parametrize(
    ("event", "verdict", "said"),
    [
        ("paid_bill", "leak", "gives the purchase away. A reason for paid_bill."),
        ("Board Viewed", "vanity", "is a vanity threshold"),
        ("Logged In", "weak", "coming in says nothing"),
    ],
)
def test_leaks_vanity_and_logins_are_refused_with_the_reason(
    event: str, verdict: str, said: str
) -> None:
    assert said in (refusal(event, finding(event, verdict)) or "")


@pytest.mark.parametrize("verdict", ["signal", "weak", "confounded", "survivorship", "unsupported"])
def test_what_is_merely_not_proven_is_not_refused(verdict: str) -> None:
    assert refusal("Board Created", finding("Board Created", verdict)) is None
    assert refusal("Board Created", None) is None


def test_the_likeliest_purchase_is_rare_once_and_sounds_like_one() -> None:
    events = (
        EventFacts("Board Created", 9000, 900, 50, 0),
        EventFacts("Bill Paid", 300, 60, 20, 2),
        EventFacts("Plan Upgraded", 62, 60, 58, 2),
        EventFacts("Limit Reached", 100, 90, 80, 0),
        EventFacts("Order Placed", 9000, 990, 0, 2),
        EventFacts("Deal Won", 2, 2, 2, 2),
        EventFacts("page:Goodbye", 50, 50, 50, 0),
    )
    facts = ProductFacts(1000, 1000, 0, 0, (), events)
    assert [one.event for one in conversion_candidates(facts)] == [
        "Plan Upgraded",
        "Bill Paid",
        "Limit Reached",
        "Deal Won",
        "Order Placed",
    ]


def test_sessions_are_made_of_work_and_never_of_the_purchase_or_what_follows_it() -> None:
    facts = facts_of(
        Board_Created=500, Logged_In=900, Board_Viewed=800, Chart_Drawn=300, Rare_Thing=3, Billed=90
    )
    found = discovery(finding("Billed", "leak"))
    assert core_events(facts, found, PURCHASE, ["Rare Thing", "Limit Reached"]) == [
        "Rare Thing",
        "Board Created",
        "Chart Drawn",
    ]


def test_the_offering_is_what_most_accounts_make() -> None:
    facts = facts_of(Logged_In=900, Comment_Added=800, Board_Created=700)
    assert value_metric(facts) == "boards created"


def test_the_aha_moment_of_discovery_is_proposed_unless_it_is_about_paying() -> None:
    invited = finding("Teammate Invited", lift=4)
    found = discovery(invited, finding("Board Shared"), aha=aha_of("Board Shared"))
    assert [one.value["event"] for one in aha_candidates(found)] == [
        "Board Shared",
        "Teammate Invited",
    ]
    assert aha_candidates(found)[0].value == {
        "event": "Board Shared",
        "at_least": 3,
        "within_days": 7,
    }
    prompted = discovery(invited, aha=aha_of("Upgrade Prompt Clicked"))
    first = aha_candidates(prompted)[0]
    assert first.value["event"] == "Teammate Invited"
    assert "Upgrade Prompt Clicked stands out more" in first.evidence


def test_an_aha_moment_that_most_buyers_did_without_is_not_the_first_proposal() -> None:
    found = discovery(finding("Teammate Invited"), aha=aha_of("Board Shared", converted_share=0.3))
    assert aha_candidates(found)[0].value["event"] == "Teammate Invited"


def test_late_behaviours_and_weak_ones_are_no_aha_moment() -> None:
    found = discovery(finding("A Used", window="before_7_days"), finding("B Used", "weak"))
    assert aha_candidates(found) == []


def test_a_gate_that_is_too_tight_becomes_looser_and_then_none() -> None:
    tight = Figure({"event": "Board Shared", "at_least": 3, "within_days": 7}, "Evidence.")
    once = looser_gate(tight, 40, 30)
    assert once.value == {"event": "Board Shared", "at_least": 1, "within_days": 7}
    assert "keep out 30 of 40 accounts" in once.evidence
    none = looser_gate(once, 40, 25)
    assert none.value is None
    assert 'aha: {event: "Board Shared", at_least: 1, within_days: 7}' in none.evidence


def signals(*events: str) -> tuple[DraftSignal, ...]:
    found: list[DraftSignal] = []
    for event in events:
        found.append(signal_of(finding(event), [one.name for one in found]))
    return (*found, sessions_signal([one.name for one in found]))


@pytest.mark.parametrize(
    ("events", "weights"),
    [
        (("Board Created", "Limit Reached", "Teammate Invited"), (35, 25, 25, 15)),
        (("Board Created", "Teammate Invited"), (47, 33, 0, 20)),
        (("Board Created",), (58, 42, 0, 0)),
        ((), (0, 100, 0, 0)),
    ],
)
def test_default_weights_are_given_to_the_kinds_that_have_a_signal(
    events: tuple[str, ...], weights: tuple[int, ...]
) -> None:
    figure = default_weights(signals(*events), "Too few bought.")
    assert tuple(figure.value.values()) == weights
    assert sum(figure.value.values()) == 100
    assert "Too few bought." in figure.evidence


@pytest.mark.parametrize("enter", ["0.25", "20.75", "42.5", "85", "97"])
def test_every_tier_can_be_reached_by_somebody_who_scores_enough(enter: str) -> None:
    lowest = Decimal(enter)
    first, second = tier_scores([float(lowest) + 0.25 * step for step in range(40)], lowest).value
    assert first > second
    assert second > min(lowest, Decimal(89))
    assert first <= 95


def test_too_few_leads_are_not_divided() -> None:
    assert tier_scores([50.0] * 9, Decimal(40)).value == (80, 65)


def draft(*chosen: DraftSignal, **other: Any) -> Draft:
    given = chosen or signals("Board Created", "Limit Reached", "Teammate Invited")
    values: dict[str, Any] = {
        "name": "starter",
        "source": "9 messages",
        "as_of": NOW,
        "accounts_from": ("group", "email_domain"),
        "conversion": Figure(PURCHASE, "48 did it."),
        "aha": with_advice(Figure({"event": "Board Shared", "at_least": 1, "within_days": 14}, "")),
        "value_metric": "boards created",
        "core_events": ("Board Created",),
        "signals": given,
        "weights": default_weights(given, "Too few bought."),
        "points": {},
        "threshold": Figure((Decimal("0.12"), 5), "Today 3 of 9."),
        "tiers": Figure((80, 65), "Everybody begins there."),
        "tiers_by_size": True,
        "lead_owner": Figure("inside-sales", "Everybody to one queue."),
        **other,
    }
    return Draft(**values)


def written(program: Draft, folder: Path) -> Path:
    path = folder / f"{program.name}.yaml"
    path.write_text(draft_text(program, NOW), encoding="utf-8")
    return path


def test_the_file_loads_as_the_program_of_the_draft(tmp_path: Path) -> None:
    program = draft()
    loaded = load_program(written(program, tmp_path))
    assert loaded.program == program.program()
    assert loaded.program.rollout.stage == "shadow"
    assert [warning for warning in loaded.warnings if "signed off" not in warning] == []


def test_the_file_says_where_each_figure_comes_from(tmp_path: Path) -> None:
    lines = written(draft(remarks=("Little data.",)), tmp_path).read_text("utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../docs/program.schema.json"
    assert max(map(len, lines)) <= 105
    comments = " ".join(line.strip().removeprefix("# ") for line in lines if "#" in line[:3])
    for said in (
        "from 9 messages",
        "Note: Little data.",
        "48 did it.",
        "A reason for Board Created. usage_depth: its name tells of work in the product.",
        "A reason for Teammate Invited. viral: its name says `teammate`",
        "Too few bought.",
        "Today 3 of 9.",
        "shadow: everything is computed, nobody is told.",
    ):
        assert said in comments


@pytest.mark.parametrize(
    "event",
    ["yes", "null", "1.5", "a: b", "#tag", 'it\'s "so"', "- x", "{a}", "Größe geändert", "@x", "*"],
)
def test_events_of_any_name_survive_the_way_through_the_file(event: str, tmp_path: Path) -> None:
    chosen = signals("Board Created", event)
    program = draft(
        *chosen,
        conversion=Figure(f"{event} bought", ""),
        core_events=(event,),
        lead_owner=Figure(event, ""),
    )
    loaded = load_program(written(program, tmp_path)).program
    assert loaded == program.program()
    assert loaded.core_events == (event,)


def test_a_reason_cannot_leave_its_comment(tmp_path: Path) -> None:
    forced = signal_of(finding("Logged In"), (), forced="because\nrollout: {stage: live}\x07")
    path = written(draft(*signals("Board Created"), forced), tmp_path)
    assert load_program(path).program.rollout.stage == "shadow"
    [line] = [line for line in path.read_text("utf-8").splitlines() if "FORCED" in line]
    assert line.strip().startswith("# FORCED although it was refused: because")


def test_more_than_five_signals_are_written_and_warned_of(tmp_path: Path) -> None:
    chosen = signals("A Used", "B Used", "C Used", "D Used", "E Used")
    loaded = load_program(written(draft(*chosen), tmp_path))
    assert any(warning.startswith("6 signals: 3-5 are enough") for warning in loaded.warnings)


def test_points_of_the_data_are_written_and_add_up(tmp_path: Path) -> None:
    chosen = signals("Board Created", "Teammate Invited")
    points = {"boards_created": Decimal("40.25"), "teammates_invited": Decimal("39.75")}
    points["sessions"] = Decimal(20)
    weights = {"usage_depth": "40.25", "frequency": "20", "feature_adoption": "0", "viral": "39.75"}
    program = draft(
        *chosen,
        points=points,
        weights=Figure({name: Decimal(most) for name, most in weights.items()}, "Fitted."),
    )
    assert load_program(written(program, tmp_path)).program.max_points == points


def test_choices_that_make_no_program_are_refused_with_their_place() -> None:
    with pytest.raises(PqlError, match=r"signals\[0\].event: .*the conversion itself"):
        draft(*signals(PURCHASE)).program()
    with pytest.raises(PqlError, match="program: "):
        draft(name="Not A Name").program()
