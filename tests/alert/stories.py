"""Stories for tests and previews: one realistic lead, and ways to vary it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pql_platform.domain.story import AlertStory, Contact, OtherReason, SignalFact

CROSSED_AT = datetime(2026, 9, 15, 13, 57, tzinfo=UTC)
NOW = CROSSED_AT + timedelta(minutes=8)


def signal(name: str, says: str, value: str, points: str, **changes: Any) -> SignalFact:
    """One signal of the usage-depth category that may be spoken of."""
    fact = SignalFact(
        name=name,
        category="usage_depth",
        says=says,
        value=Decimal(value),
        threshold=Decimal(3),
        window_days=14,
        points=Decimal(points),
        max_points=Decimal("17.5"),
        speakable=True,
        first_time=False,
        occurrences_ever=int(Decimal(value)),
        last_at=CROSSED_AT - timedelta(minutes=1),
    )
    return replace(fact, **changes)


def of_person(user_id: str | None, name: str | None) -> dict[str, Any]:
    """What says that a signal is that of one person of the account."""
    return {"actor": "person", "user_id": user_id, "person": name}


def realistic_story(**changes: Any) -> AlertStory:
    """A team of nine on a trial that outgrew the free plan this week."""
    story = AlertStory(
        handoff_id="h-20417",
        program="boards",
        motion="new_business",
        level="account",
        account_id="acct_5821",
        account_name="Larkspur Robotics",
        employees=420,
        industry="industrial automation",
        plan="trial",
        country="Germany",
        region="EMEA",
        segment="enterprise",
        users=9,
        active_users=6,
        users_over_threshold=3,
        signed_up_on=date(2026, 9, 2),
        contact=Contact(
            user_id="u_77120",
            name="Maya Chen",
            title="Head of Operations",
            email_domain="larkspur.example",
            signed_up_on=date(2026, 9, 2),
            score=Decimal("71.5"),
        ),
        score=Decimal("84"),
        threshold=Decimal("62"),
        yesterday_score=Decimal("71"),
        categories={
            "usage_depth": Decimal("31.5"),
            "frequency": Decimal("15"),
            "feature_adoption": Decimal("17.5"),
            "viral": Decimal("10"),
        },
        category_weights={
            "usage_depth": Decimal(35),
            "frequency": Decimal(25),
            "feature_adoption": Decimal(25),
            "viral": Decimal(15),
        },
        signals=(
            signal(
                "export_limit",
                "hit the export limit {value} times in the last {window_days} days",
                "2",
                "17.5",
                category="feature_adoption",
                max_points=Decimal(25),
                window_days=7,
                **of_person("u_77120", "Maya Chen"),
            ),
            signal(
                "boards",
                "created {value} boards in the last {window_days} days",
                "12",
                "17.5",
                **of_person("u_90210", "Ann Lee"),
            ),
            signal(
                "sessions",
                "came back on {value} days in the last {window_days} days",
                "6",
                "15",
                category="frequency",
                max_points=Decimal(25),
                speakable=False,
                **of_person("u_90211", None),
            ),
            signal("api", "used the API", "1", "14", first_time=True, actor="team"),
            signal(
                "invites",
                "invited {value} teammates in the last {window_days} days",
                "5",
                "10",
                category="viral",
                max_points=Decimal(15),
                window_days=30,
                last_at=CROSSED_AT - timedelta(days=4),
                actor="team",
            ),
        ),
        tier=1,
        tier_reason="score 84 is at least 80, and the segment is enterprise",
        playbook="ae_call",
        owner="ae.emea",
        escalate_to="sales-manager.emea",
        crossed_at=CROSSED_AT,
        due_at=CROSSED_AT + timedelta(hours=2),
        half_life_days=Decimal(7),
        version="boards-v3",
        value_metric="boards created",
        analytics_url="https://eu.posthog.example/project/1/groups/0/acct_5821",
        crm_url="https://app.hubspot.example/contacts/1/company/5821",
        other_reasons=(
            OtherReason("team_project", "compound", Decimal(10)),
            OtherReason("team_spread", "spread", Decimal("7.5"), Decimal(4)),
            OtherReason("student", "negative", Decimal("-7.5")),
        ),
    )
    return replace(story, **changes)
