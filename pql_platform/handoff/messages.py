"""What a hand-off sends, and where: the alert to Slack, the records and the task to the CRM.

Composes payloads only; sending them is the outbox's business, their look that of the adapters.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pql_platform.domain.grammar import number
from pql_platform.domain.reason_wording import other_reason, plain_signal, signed
from pql_platform.domain.story import AlertStory
from pql_platform.domain.tiering import TierRule
from pql_platform.domain.wording import first_message, stays_hot, strongest_reasons
from pql_platform.ledger.handoffs import NewMessage
from pql_platform.ledger.states import WEBHOOK
from pql_platform.program.playbooks import JOINED, Webhook

HOOK = "hook:"
"""What the channel of a webhook begins with; its name in the program file follows."""


def messages_of(
    story: AlertStory,
    tier: TierRule,
    email: str | None,
    webhooks: Mapping[str, Webhook] = MappingProxyType({}),
) -> list[NewMessage]:
    """Return the messages of one lead: nobody is asked to call a lead that is to be nurtured.

    Args:
        story: What is told; it holds no address.
        tier: Decides between a person and a sequence.
        email: Address of the contact, for the CRM, and for a tool that sends e-mails.
        webhooks: The tools of the program; those of the story's playbook are told.
    """
    messages = [NewMessage("crm", "crm_company", _company(story))]
    if story.contact is not None:
        messages.append(NewMessage("crm", "crm_contact", _contact(story, email)))
    messages += _calls(story, tier, email, webhooks)
    if tier.nurture is not None:
        return [*messages, NewMessage("crm", "crm_enrolment", _enrolment(story, tier.nurture))]
    return [
        NewMessage("slack", "alert", {"story": story.to_json()}),
        *messages,
        task_message(story),
    ]


def _calls(
    story: AlertStory, tier: TierRule, email: str | None, webhooks: Mapping[str, Webhook]
) -> list[NewMessage]:
    parts = story.playbook.split(JOINED)
    return [
        NewMessage(
            f"{HOOK}{name}",
            f"{WEBHOOK}_{name}",
            {
                "endpoint": name,
                "action": webhook.action,
                "story": story.to_json(),
                "sequence": tier.nurture,
                # Who is written to is known by address; who sees a prompt by their id.
                "email": email if webhook.action == "email_sequence" else None,
            },
        )
        for name, webhook in webhooks.items()
        if not set(parts).isdisjoint(webhook.playbooks)
    ]


def task_message(story: AlertStory) -> NewMessage:
    """The task for the owner in the CRM, as the story stands; written again it is the same task."""
    return NewMessage("crm", "crm_task", _task(story))


def _properties(story: AlertStory, score: Decimal | None) -> dict[str, Any]:
    return {
        "pql_score": str(score) if score is not None else None,
        "pql_tier": story.tier,
        "pql_level": story.level,
        "pql_qualified_at": story.crossed_at.isoformat(),
        "pql_top_signals": "; ".join(
            says for says, _, _ in strongest_reasons(story, story.crossed_at)[:3]
        ),
        "pql_model_version": story.version,
        "pql_lead_type": "PQL",
        "pql_link": story.analytics_url,
        **{f"pql_{category}": str(points) for category, points in story.categories.items()},
        # With it the four categories add up to the score.
        "pql_other_points": str(sum((reason.points for reason in story.other_reasons), Decimal(0))),
    }


def _company(story: AlertStory) -> dict[str, Any]:
    score = story.score if story.level == "account" else None
    return {
        "external_id": story.account_id,
        "name": story.account_name or story.account_id,
        "domain": story.contact.email_domain if story.contact else None,
        "properties": _properties(story, score),
    }


def _contact(story: AlertStory, email: str | None) -> dict[str, Any]:
    contact = story.contact
    assert contact is not None  # noqa: S101 - the caller asked
    return {
        "external_id": contact.user_id,
        "company_external_id": story.account_id,
        "name": contact.name,
        "email": email,
        "properties": _properties(story, contact.score),
    }


def _task(story: AlertStory) -> dict[str, Any]:
    name = story.account_name or story.account_id
    reasons = [(plain_signal(fact, story.crossed_at), fact.points) for fact in story.signals]
    reasons += [(other_reason(reason), reason.points) for reason in story.other_reasons]
    reasons.sort(key=lambda reason: reason[1], reverse=True)
    return {
        "external_id": f"task:{story.handoff_id}",
        "company_external_id": story.account_id,
        "contact_external_id": story.contact.user_id if story.contact else None,
        "owner": story.owner,
        "due_at": story.due_at.isoformat() if story.due_at else None,
        "subject": f"Contact {name}: product-qualified, tier {story.tier}",
        "body": "\n\n".join(
            [
                f"Score {number(story.score)} of 100 (threshold {number(story.threshold)}).",
                "\n".join(f"- {says} ({signed(points)})" for says, points in reasons),
                f"Suggested first message: {first_message(story)}",
                stays_hot(story, story.crossed_at),
            ]
        ),
    }


def _enrolment(story: AlertStory, sequence: str) -> dict[str, Any]:
    return {
        "external_id": f"enrolment:{story.handoff_id}",
        "company_external_id": story.account_id,
        "contact_external_id": story.contact.user_id if story.contact else None,
        "sequence": sequence,
    }
