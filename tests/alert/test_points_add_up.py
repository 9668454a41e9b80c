"""The points that a rep reads add up to the score, in Slack and in the CRM alike."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from alert_stories import NOW, realistic_story, signal
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.adapters.slack_blocks import alert_message
from pql_platform.domain.story import AlertStory, OtherReason
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.messages import messages_of

CATEGORIES = ("usage_depth", "frequency", "feature_adoption", "viral")
QUARTERS = st.integers(1, 120).map(lambda quarters: Decimal(quarters) / 4)
SIGNALS = st.lists(st.tuples(st.sampled_from(CATEGORIES), QUARTERS), max_size=9)
OTHERS = st.lists(
    st.one_of(
        st.builds(OtherReason, st.just("rollout"), st.just("compound"), QUARTERS),
        st.builds(
            OtherReason, st.just("team_spread"), st.just("spread"), QUARTERS, st.just(Decimal(3))
        ),
        st.builds(OtherReason, st.just("student"), st.just("negative"), QUARTERS.map(lambda q: -q)),
        st.builds(OtherReason, st.just("cap"), st.just("limit"), QUARTERS.map(lambda q: -q)),
        st.builds(
            OtherReason,
            st.just("single_user_cap"),
            st.just("limit"),
            QUARTERS.map(lambda q: -q),
            st.just(Decimal(75)),
        ),
    ),
    max_size=12,
)


def story_of(earned: list[tuple[str, Decimal]], others: list[OtherReason]) -> AlertStory:
    """A story whose score is the sum of its reasons, categories being the sums of their signals."""
    signals = tuple(
        signal(str(n), f"did thing {n}", "2", str(points), category=category, last_at=NOW)
        for n, (category, points) in enumerate(earned)
    )
    categories = {
        category: sum((points for name, points in earned if name == category), Decimal(0))
        for category in CATEGORIES
    }
    score = sum(categories.values()) + sum((other.points for other in others), Decimal(0))
    return realistic_story(
        signals=signals, categories=categories, other_reasons=tuple(others), score=Decimal(score)
    )


def amounts(lines: list[str]) -> Decimal:
    """The sum of the first number of each line, which `of 35` may follow."""
    found = [re.search(r"[+-]?\d[\d,]*(?:\.\d+)?(?= of \d|$)", line) for line in lines]
    assert all(found), lines
    return sum((Decimal(match[0].replace(",", "")) for match in found if match), Decimal(0))


def payload(story: AlertStory, kind: str) -> dict[str, Any]:
    messages = messages_of(story, TierRule(tier=1), email=None)
    return dict(next(message.payload for message in messages if message.kind == kind))


@given(SIGNALS, OTHERS)
def test_the_points_of_every_message_add_up_to_the_score(
    earned: list[tuple[str, Decimal]], others: list[OtherReason]
) -> None:
    story = story_of(earned, others)
    message = alert_message(story, NOW)

    (points,) = re.findall(r"^Points, strongest first: (.*); together (.*)\.$", message.text, re.M)
    assert Decimal(points[1].replace(",", "")) == story.score
    assert amounts(points[0].split(", ")) == story.score

    (table,) = (
        re.search(r"```(.*)```", block["text"]["text"], re.S)
        for block in message.blocks
        if "```" in str(block)
    )
    assert table is not None
    assert amounts([row.rstrip() for row in table[1].splitlines()]) == story.score

    body = payload(story, "crm_task")["body"]
    reasons = re.findall(r"^- .*\(([+-][\d.]+)\)$", body, re.M)
    assert len(reasons) == len(earned) + len(others)
    assert sum(map(Decimal, reasons)) == story.score

    properties = payload(story, "crm_company")["properties"]
    parts = [f"pql_{category}" for category in CATEGORIES] + ["pql_other_points"]
    assert sum(Decimal(properties[part]) for part in parts) == Decimal(properties["pql_score"])


def test_the_realistic_story_adds_up() -> None:
    story = realistic_story()
    assert sum(fact.points for fact in story.signals) == sum(story.categories.values())
    assert story.score == sum(story.categories.values()) + sum(
        reason.points for reason in story.other_reasons
    )


def test_a_story_that_was_written_before_there_were_other_reasons_is_still_told() -> None:
    encoded = realistic_story().to_json()
    del encoded["other_reasons"]
    for fact in encoded["signals"]:
        for field in ("actor", "user_id", "person", "counts"):
            del fact[field]
    encoded["compounds"] = [["team_project", "10"]]
    story = AlertStory.from_json(encoded)
    assert story.other_reasons == ()
    assert "Hit the export limit twice" in alert_message(story, NOW).text
    assert replace(story, other_reasons=realistic_story().other_reasons).score == Decimal(84)
