"""Owners that programs name are people of the team, and dead ones are told."""

from __future__ import annotations

from datetime import date

import pytest

from pql_platform.errors import PqlError
from pql_platform.team.routes import check_owners, gone_owners

ROUTES = [
    ("owner: ae.emea", "owner: ann"),
    ("owner: ae.amer", "owner: bo"),
    ("owner: ae.apac", "owner: bo"),
    ("owner: ae.midmarket.emea", "owner: pool"),
    ("owner: ae.midmarket", "owner: pool"),
    ("owner: inside-sales", "owner: pool"),
]


def test_the_demo_program_and_team_fit_each_other(boards, repository_team) -> None:
    program = boards()
    check_owners([program], repository_team)
    assert gone_owners([program], repository_team, date(2026, 11, 1)) == []


def test_without_a_team_names_are_only_names(boards) -> None:
    check_owners([boards()], None)
    assert gone_owners([boards()], None, date(2026, 11, 1)) == []


@pytest.mark.parametrize(
    ("change", "field", "message", "hint"),
    [
        (("owner: bo", "owner: boo"), "routing[1].owner", "`boo` is not in", "`bo`"),
        (("owner: ann", "owner: Zaphod"), "routing[0].owner", "`Zaphod` is not in", "pool"),
        (("escalate_to: manager", "escalate_to: managr"), "tiers[0].escalate_to", "`managr`",
         "`manager`"),
        (("escalate_to: manager", "escalate_to: pool"), "tiers[0].escalate_to", "`pool`", "ann"),
        (("stage: live", "stage: pilot, reps: [ann, pool]"), "rollout.reps[1]", "`pool`", "ann"),
        (("stage: live", "stage: pilot, reps: [anne]"), "rollout.reps[0]", "`anne`", "`ann`"),
    ],
)  # fmt: skip
def test_an_owner_who_is_in_no_team_file_is_refused_where_they_stand(
    boards, edited, change, field, message, hint
) -> None:
    program = boards(*ROUTES, change)
    with pytest.raises(PqlError) as refused:
        check_owners([program], edited())
    error = refused.value
    assert (error.field, error.file) == (field, str(program.path))
    assert message in error.message
    assert hint in error.hint
    lines = program.path.read_text().splitlines()
    assert change[1].split(", ")[0] in lines[(error.line or 0) - 1]


def test_people_queues_and_the_manager_can_be_named(boards, edited) -> None:
    check_owners([boards(*ROUTES, ("stage: live", "stage: pilot, reps: [ann, bo]"))], edited())
    check_owners([boards(*ROUTES, ("escalate_to: manager", "escalate_to: mia"))], edited())


def test_a_dead_owner_and_an_empty_queue_are_told(boards, edited) -> None:
    day = date(2026, 12, 24)
    program = boards(*ROUTES)
    assert gone_owners([program], edited(), day) == [
        "Nobody of ann is here on 2026-12-24: its leads go to whoever stands in."
    ]
    left = edited(("bo: {name: Bo Tree", "bo: {left: 2026-12-24, name: Bo Tree"))
    assert gone_owners([program], left, date(2026, 12, 1)) == []
    assert gone_owners([program], left, day) == [
        f"Nobody of {name} is here on 2026-12-24: its leads go to whoever stands in."
        for name in ("ann", "bo", "pool")
    ]
    back = date(2027, 1, 4)
    assert gone_owners([program], left, back) == [
        "Nobody of bo is here on 2027-01-04: its leads go to whoever stands in.",
        "bo of pool left: take them out of the team file.",
    ]
