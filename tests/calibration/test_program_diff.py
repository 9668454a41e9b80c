"""What a changed program file means: in words, for whom, and for the accounts of last quarter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
import pytest

from pql_platform.calibration.codeowners import codeowners
from pql_platform.calibration.lead_course import follow, judge
from pql_platform.calibration.program_diff import ProgramDiff, compare, load_side
from pql_platform.calibration.program_effect import measure_effects
from pql_platform.cli.diff_words import markdown
from pql_platform.program.load import load_program
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, live_schemas, read_clock

BOARDS = Path(__file__).parents[2] / "programs" / "boards.yaml"
TEXT = BOARDS.read_text(encoding="utf-8")
BUILT_AT = datetime(2026, 3, 4, 15, tzinfo=UTC)

Edit = Callable[..., tuple[ProgramDiff, ...]]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """Compares the demo's program with itself after some replacements of text."""

    def edit(*replacements: tuple[str, str]) -> tuple[ProgramDiff, ...]:
        text = TEXT
        for old, new in replacements:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "boards.yaml"
        path.write_text(text, encoding="utf-8")
        return compare(load_side(BOARDS), load_side(path))

    return edit


def changes(diffs: tuple[ProgramDiff, ...]) -> dict[str, tuple[str | None, str | None]]:
    [diff] = diffs
    return {change.key: (change.before, change.after) for change in diff.changes}


def asked(diffs: tuple[ProgramDiff, ...]) -> dict[str, tuple[str, ...]]:
    [diff] = diffs
    return {one.owner: one.stages for one in diff.approvals}


def test_comments_spacing_and_written_out_defaults_change_nothing(edited: Edit) -> None:
    assert edited(("half_life_days: 7\n", "# As agreed.\nhalf_life_days: 7.0\n")) == ()


@pytest.mark.parametrize(
    ("old", "new", "key", "before", "after", "owners"),
    [
        ("{value} boards", "{value} new boards", "signals.boards_created.says", None, None,
         {"product@": ("signals",), "sales@": ("response",)}),
        ("threshold: 4", "threshold: 6", "signals.sessions.threshold", "4", "6",
         {"product@": ("signals",)}),
        ("capacity_per_day: 40", "capacity_per_day: 60", "threshold.capacity_per_day", "40", "60",
         {"sales@": ("response",)}),
        ("top_share: 0.12", "top_share: 0.1", "threshold.top_share", "0.12", "0.1",
         {"product@": ("signals",), "sales@": ("response",)}),
        ("contact_within: 24h", "contact_within: 4h", "tiers.2.contact_within", "1d", "4h",
         {"sales@": ("response",)}),
        ("owner: ae.midmarket}", "owner: ae.mid}", "routing.mid_market", "ae.midmarket", "ae.mid",
         {"sales@": ("response",)}),
        ("stage: live", "stage: pilot", "rollout.stage", "live", "pilot",
         {"growth@": ("process",)}),
        (", paperwall.io", "", "lists.competitors", "paperwall.io", None,
         {"growth@": ("process",)}),
    ],
)  # fmt: skip
def test_each_change_is_said_with_its_place_and_goes_to_its_owners(
    edited: Edit,
    old: str,
    new: str,
    key: str,
    before: str | None,
    after: str | None,
    owners: dict[str, tuple[str, ...]],
) -> None:
    diffs = edited((old, new))
    found = changes(diffs)
    assert found.keys() == {key}
    if not key.endswith(".says"):
        assert found[key] == (before, after)
    assert asked(diffs) == owners


def test_a_new_owner_and_the_one_before_both_approve(edited: Edit) -> None:
    assert asked(edited(("response: sales@", "response: inside@"))) == {
        "growth@": ("process",),
        "product@": ("signals",),
        "sales@": ("response",),
        "inside@": ("response",),
    }


def test_routes_tried_in_another_order_are_a_change(edited: Edit) -> None:
    emea = "  - {segment: enterprise, region: EMEA, owner: ae.emea}\n"
    amer = "  - {segment: enterprise, region: AMER, owner: ae.amer}\n"
    assert list(changes(edited((emea + amer, amer + emea)))) == ["order of routing"]


def test_owners_and_wording_move_no_score_and_weights_do(edited: Edit) -> None:
    [said] = edited(("{value} boards", "{value} fine boards"))
    [weighed] = edited(("usage_depth: 35, frequency: 25", "usage_depth: 25, frequency: 35"))
    [held] = edited(("cooldown_days: 14", "cooldown_days: 30"))
    assert (said.moves_scores, said.moves_leads) == (False, False)
    assert (weighed.moves_scores, weighed.moves_leads) == (True, True)
    assert (held.moves_scores, held.moves_leads) == (False, True)


def test_only_warnings_that_the_old_file_had_not_are_told(edited: Edit) -> None:
    [diff] = edited(("top_share: 0.12", "top_share: 0.4"))
    assert diff.warnings == ("top_share 40% is outside the healthy 5% to 15%",)


def test_programs_that_come_and_go_concern_every_owner(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, names in ((before, ("one", "two")), (after, ("two", "three", "four"))):
        folder.mkdir()
        for name in names:
            text = TEXT.replace("program: boards", f"program: {name}")
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    diffs = compare(load_side(before), load_side(after))
    assert [(one.program, one.state) for one in diffs] == [
        ("one", "removed"),
        ("four", "added"),
        ("three", "added"),
    ]
    assert {len(one.approvals) for one in diffs} == {3}


def test_a_folder_without_programs_is_a_side_without_programs(tmp_path: Path) -> None:
    [diff] = compare(load_side(tmp_path), load_side(BOARDS))
    assert (diff.program, diff.state) == ("boards", "added")


def test_a_file_renamed_with_its_program_is_still_the_same_program(edited: Edit) -> None:
    assert changes(edited(("program: boards", "program: whiteboards"))) == {
        "program": ("boards", "whiteboards")
    }


def test_codeowners_name_every_owner_and_leave_out_of_use_what_the_host_does_not_know() -> None:
    loaded = load_side(BOARDS)
    handles = {"growth@": "@acme/growth", "product@": "ann@acme.example", "sales@": "@sally"}
    assert "/programs/boards.yaml @acme/growth ann@acme.example @sally\n" in codeowners(
        loaded, PurePath("programs"), handles
    )
    unknown = codeowners(loaded, PurePath("programs"), {}).splitlines()
    assert all(line.startswith("#") for line in unknown)
    assert sum("is no account" in line for line in unknown) == 3


def judged(*rows: tuple[str, float, bool]) -> pd.DataFrame:
    """Accounts with their score, and whether they qualify; the threshold is 50, the margin 5."""
    columns = ["subject_id", "score", "qualified"]
    frame = pd.DataFrame(list(rows), columns=columns)
    return frame.assign(owner="ae", threshold=50.0, stays=frame["score"] >= 45)


def test_a_lead_stays_within_the_margin_and_rests_after_it() -> None:
    program = load_program(BOARDS).program
    dates = [BUILT_AT + timedelta(days=7 * week) for week in range(6)]
    scores = (60.0, 46.0, 40.0, 60.0, 60.0, 60.0)
    course = follow(
        program, dates, [judged(("a", score, score >= 50), ("b", 1.0, False)) for score in scores]
    )
    # In by the first date, still in at 46, out at 40; 14 days of cooldown end with the fifth.
    assert course.first_lead_at == {"a": dates[0]}
    assert course.owners_of_new == ("ae",)
    assert course.shares == (0.5, 0.0, 0.0, 0.5, 0.5, 0.5)


@pytest.fixture
def effect_of(today: Settings, edited: Edit) -> Callable[..., Any]:
    """Measures some replacements on the small company, over its last weeks."""

    def measure(*replacements: tuple[str, str]) -> Any:
        first_at = BUILT_AT - timedelta(days=60)
        with open_warehouse(today) as connection:
            [effect] = measure_effects(
                connection, today, edited(*replacements), BUILT_AT, first_at, lookback_days=21
            )
        return effect

    return measure


def test_a_stricter_threshold_loses_leads_and_gains_none(
    effect_of: Callable[..., Any], edited: Edit
) -> None:
    stricter = ("enter: auto", "enter: 70")
    effect = effect_of(stricter)
    assert effect.dates == tuple(BUILT_AT - timedelta(days=days) for days in (21, 14, 7, 0))
    assert effect.gained.accounts == 0
    assert effect.lost.accounts == effect.base.accounts - effect.head.accounts > 0
    assert len(effect.lost.first_ids) == min(effect.lost.accounts, 5)
    assert effect.head.share < effect.base.share
    assert effect.head.threshold == 70
    assert 0 <= effect.lost.converted <= effect.lost.known <= effect.lost.accounts
    comment = markdown(edited(stricter), [effect])
    assert f"| accounts that were leads | {effect.base.accounts} | {effect.head.accounts} |" in (
        comment
    )
    # Whoever may read a repository need not be allowed to know who uses the product.
    assert not any(account in comment for account in effect.lost.first_ids)


def test_a_signal_that_was_not_computed_before_is_computed(effect_of: Callable[..., Any]) -> None:
    comments = """
  - name: comments
    category: viral
    event: Comment Added
    measure: count
    window_days: 14
    threshold: 1
    says: "commented {value} times in the last {window_days} days"

compounds:
"""
    effect = effect_of(("\ncompounds:\n", comments), ("enter: auto", "enter: 40"))
    same = effect_of(("enter: auto", "enter: 40"))
    assert effect.base == same.base
    assert effect.head != same.head


def test_another_owner_of_a_route_takes_over_its_leads(effect_of: Callable[..., Any]) -> None:
    effect = effect_of(("owner: inside-sales", "owner: hunters"))
    loads = {load.owner: (load.base, load.head) for load in effect.owners}
    assert effect.gained.accounts == effect.lost.accounts == 0
    assert loads["inside-sales"][0] == loads["hunters"][1] > 0
    assert loads["inside-sales"][1] == loads["hunters"][0] == 0


def test_accounts_are_judged_as_the_pass_that_drew_its_threshold_then_judged_them(
    yesterday: Settings,
) -> None:
    program = load_program(BOARDS).program
    with open_warehouse(yesterday) as connection:
        clock = read_clock(connection)
        passed = connection.execute(
            "SELECT subject_id, owner, threshold FROM pql.tiers"
            " WHERE level = 'account' AND qualified ORDER BY subject_id"
        ).fetchall()
        with as_known_at(connection, clock), live_schemas(connection):
            found = judge(connection, program, clock)
    found = found[found["qualified"]].sort_values("subject_id")
    assert passed
    assert passed == [
        (row.subject_id, row.owner, Decimal(row.threshold)) for row in found.itertuples()
    ]
