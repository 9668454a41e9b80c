"""What single reasons read like: who did what, how often, and what else moved the score."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from alert_stories import NOW, of_person, realistic_story, signal

from pql_platform.domain import wording
from pql_platform.domain.grammar import ordinal
from pql_platform.domain.reason_wording import (
    name_of_person,
    other_reason,
    phrase,
    plain_signal,
    short_name,
    signed,
)
from pql_platform.domain.story import Contact, OtherReason, SignalFact

CREATED = "created {value} boards in the last {window_days} days"


def created(value: int = 5, **changes: Any) -> SignalFact:
    return signal("boards", CREATED, str(value), "5", **changes)


@pytest.mark.parametrize(
    ("who", "line"),
    [
        (of_person("u1", "Ann Lee"), "Ann Lee created 5 boards in the last 14 days"),
        (of_person("u1", "  Ann\n Lee "), "Ann Lee created 5 boards in the last 14 days"),
        (of_person("u1", None), "One person created 5 boards in the last 14 days"),
        (of_person("u1", "ann@acme.example"), "One person created 5 boards in the last 14 days"),
        (of_person("u1", "A" * 41), "One person created 5 boards in the last 14 days"),
        (of_person("u1", ""), "One person created 5 boards in the last 14 days"),
        (of_person(None, None), "Somebody created 5 boards in the last 14 days"),
        ({"actor": "team"}, "The team created 5 boards in the last 14 days"),
        ({}, "Created 5 boards in the last 14 days"),
    ],
)
def test_a_signal_says_who_did_it(who: dict[str, Any], line: str) -> None:
    assert plain_signal(created(**who), NOW) == line


def test_a_sentence_with_a_subject_of_its_own_gets_no_second_one() -> None:
    fact = signal("crowd", "{value} people share boards", "3", "5", actor="team")
    assert plain_signal(fact, NOW) == "3 people share boards"


def test_a_capital_is_lost_behind_a_subject_unless_it_is_an_abbreviation() -> None:
    fact = replace(created(), actor="team", says="Used the API")
    assert plain_signal(fact, NOW) == "The team used the API"
    assert plain_signal(replace(fact, says="API calls sent"), NOW) == "The team API calls sent"


def test_the_second_and_third_time_are_said_where_one_did_all_of_them() -> None:
    project = signal("projects", "started a project", "1", "5", counts=True, occurrences_ever=3)
    assert phrase(project) == "started a project for the third time"
    assert phrase(replace(project, says="started a project in the last 14 days")) == (
        "started a project in the last 14 days, for the third time"
    )
    assert phrase(replace(project, actor="team", occurrences_ever=2)).endswith("the second time")
    assert phrase(replace(project, value=Decimal(2))) == "started a project"
    assert phrase(replace(project, counts=False)) == "started a project"
    assert phrase(replace(project, occurrences_ever=40)) == "started a project"


def test_what_a_whole_account_did_is_not_said_of_one_person() -> None:
    fact = created(1, **of_person("u1", "Ann Lee"), counts=True, occurrences_ever=3)
    assert plain_signal(fact, NOW) == (
        "Ann Lee created 1 board in the last 14 days (3 times so far in the account)"
    )
    alone = replace(fact, occurrences_ever=1, first_time=True)
    assert plain_signal(alone, NOW) == (
        "Ann Lee created 1 board in the last 14 days, for the first time"
    )
    assert "so far" not in plain_signal(replace(fact, occurrences_ever=50), NOW)
    old = replace(fact, last_at=None, last_on=NOW.date() - timedelta(days=9))
    assert plain_signal(old, NOW).endswith("(3 times so far in the account, last time 9 days ago)")
    fresh = replace(fact, last_at=None, last_on=NOW.date() - timedelta(days=2))
    assert "last time" not in plain_signal(fresh, NOW)


@pytest.mark.parametrize(
    ("reason", "line", "short"),
    [
        (
            OtherReason("team_spread", "spread", Decimal(5), Decimal(3)),
            "3 people of the account use it",
            "3 people use it",
        ),
        (
            OtherReason("single_user_cap", "limit", Decimal(-4), Decimal(75)),
            "One person alone can score 75 at most",
            "one person alone",
        ),
        (OtherReason("cap", "limit", Decimal(-4)), "A score is 100 at most", "cap at 100"),
        (OtherReason("floor", "limit", Decimal(4)), "A score is 0 at least", "floor at 0"),
        (OtherReason("team_project", "compound", Decimal(10)), "Team project", "team project"),
        (OtherReason("student", "negative", Decimal(-20)), "Student", "student"),
    ],
)
def test_every_other_reason_has_a_sentence_and_a_short_name(
    reason: OtherReason, line: str, short: str
) -> None:
    assert other_reason(reason) == line
    assert short_name(reason) == short


def test_the_spread_stands_among_what_they_did_by_its_points() -> None:
    says = [line for line, _, _ in wording.strongest_reasons(realistic_story(), NOW)]
    assert says[-1] == "4 people of the account use it"
    assert says[0].startswith("Maya Chen hit the export limit")


@pytest.mark.parametrize(
    ("amount", "word"),
    [
        (1, "first"),
        (3, "third"),
        (9, "ninth"),
        (10, "10th"),
        (11, "11th"),
        (22, "22nd"),
        (113, "113th"),
    ],
)
def test_an_ordinal_is_a_word_while_it_is_small(amount: int, word: str) -> None:
    assert ordinal(amount) == word


def test_points_carry_their_sign() -> None:
    assert [signed(Decimal(points)) for points in ("10.00", "-2.50", "0.25")] == [
        "+10",
        "-2.5",
        "+0.25",
    ]


def test_a_name_is_kept_as_it_is_written() -> None:
    assert name_of_person("Lee, Ann") == "Lee, Ann"
    assert name_of_person("陈美") == "陈美"


ANN = Contact("u_ann", "Ann Lee", None, None, None, None)


@pytest.mark.parametrize(
    ("who", "users", "said"),
    [
        (of_person("u_ann", "Ann Lee"), 9, "Hi Ann, I noticed that you created 5 boards"),
        (of_person("u_bob", "Bob"), 9, "Hi Ann, I noticed that somebody on your team created"),
        (of_person(None, None), 9, "Hi Ann, I noticed that somebody on your team created"),
        ({"actor": "team"}, 9, "Hi Ann, I noticed that your team created 5 boards"),
        ({"actor": "team"}, 1, "Hi Ann, I noticed that you created 5 boards"),
        (of_person("u_ann", "Ann Lee"), 1, "Hi Ann, I noticed that you created 5 boards"),
    ],
)
def test_the_first_message_says_truly_who_did_it_and_names_no_colleague(
    who: dict[str, Any], users: int, said: str
) -> None:
    for playbook in ("ae_call", "product_specialist"):
        story = realistic_story(
            signals=(created(**who),), contact=ANN, users=users, playbook=playbook
        )
        message = wording.first_message(story)
        assert message.startswith(said)
        assert "Bob" not in message
