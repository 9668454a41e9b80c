"""What a webhook says: our own JSON, an event of Customer.io, or an event of Intercom.

Pure text. A body is made of the message alone and never of the present moment, so a repetition is
the same to the last byte, and each template carries what its receiver recognises it by. What goes
to a tool that speaks to customers holds only signals that the customer may be told of, and names no
colleague. Foreign text is cleaned and cut, so no body is above `LARGEST_BODY`.

Sources: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md (form of the
generic body); docs.customer.io/integrations/api/track, POST /api/v2/entity (Customer.io);
developers.intercom.com, Data Events, POST /events, and intercom.com/help/en/articles/175 and
/5245634 (Intercom).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, Literal

from pql_platform.adapters.slack_text import safe_url
from pql_platform.domain import wording
from pql_platform.domain.delivery import Message, Rejected
from pql_platform.domain.reason_wording import phrase, plain_signal
from pql_platform.domain.story import AlertStory

Template = Literal["generic", "customerio", "intercom"]

KIND: Final = "webhook"
"""What kinds of message begin with: a hand-off has one message of a kind, but may need several."""
ACTIONS: Final = frozenset({"in_app_prompt", "email_sequence", "signal"})
EVENT: Final = "pql.qualified"
LARGEST_BODY: Final = 65_536
"""Bytes of the largest body; one for Customer.io is below 32,000, its limit for a request."""

_LONGEST_NAME, _LONGEST_LINE, _LONGEST_MESSAGE = 200, 300, 1_000
_MOST_SIGNALS, _MOST_SPOKEN = 10, 3
_LONGEST_ID = 200  # as the columns of the ledger
_LONGEST_METADATA = 255  # Intercom: a plain string up to 255 characters long
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
_KEY = re.compile(r"[A-Za-z0-9_:-]{1,200}")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Occasion:
    """One message of the outbox, read and checked."""

    key: str
    action: str
    story: AlertStory
    sequence: str | None
    email: str | None


def read_occasion(message: Message) -> Occasion:
    """Read a message whose kind begins with `webhook`.

    Raises:
        Rejected: It is of another kind, or its payload cannot be used; quotes no value.
    """
    if not message.kind.startswith(KIND):
        raise Rejected(f"webhooks have no message of kind {message.kind}")
    if not _KEY.fullmatch(message.key):
        # A dot would end the id within what is signed, a line break within the request.
        raise Rejected("the key of this webhook holds more than letters, digits, and _ : -")
    payload = message.payload
    action, sequence, email = (payload.get(name) for name in ("action", "sequence", "email"))
    if action not in ACTIONS:
        raise Rejected(f"the action of this webhook is none of {', '.join(sorted(ACTIONS))}")
    if not isinstance(sequence, str | None) or not isinstance(email, str | None):
        raise Rejected("sequence or e-mail of this webhook is no text")
    if email is not None and not (_EMAIL.fullmatch(email) and email.isprintable()):
        raise Rejected("the e-mail of this webhook cannot be one")
    try:
        story = AlertStory.from_json(payload["story"])
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(f"the story of this webhook cannot be read: {error}") from error
    return Occasion(message.key, action, story, sequence, email)


def body_of(template: Template, message: Message) -> bytes:
    """The body of one request, as UTF-8 JSON.

    Raises:
        Rejected: The message cannot be told in this template.
    """
    content = _TEMPLATES[template](read_occasion(message))
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise Rejected("a number of this story is too large to be written") from error
    return text.encode()


def ulid(moment: datetime, key: str) -> str:
    """A ULID that is the same for the same moment and key (github.com/ulid/spec).

    48 bits of Unix milliseconds, then 80 bits that would be random and here are the beginning of
    the key's SHA-256; written as 26 digits of Crockford's base 32.
    """
    milliseconds = int(moment.timestamp() * 1000)
    value = milliseconds << 80 | int.from_bytes(sha256(key.encode()).digest()[:10])
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def _generic(occasion: Occasion) -> dict[str, Any]:
    """Our own form: `type`, `timestamp` and `data`, as Standard Webhooks advises."""
    story, now = occasion.story, occasion.story.crossed_at
    contact = story.contact
    return {
        "type": EVENT,
        "timestamp": _iso(now),
        "data": {
            "handoff_id": _id(story.handoff_id),
            "action": occasion.action,
            "sequence": _name(occasion.sequence),
            "program": _name(story.program),
            "motion": _name(story.motion),
            "level": _name(story.level),
            "account": {
                "id": _id(story.account_id),
                "name": _name(story.account_name),
                "segment": _name(story.segment),
                "plan": _name(story.plan),
                "employees": story.employees,
                "industry": _name(story.industry),
                "country": _name(story.country),
                "users": story.users,
                "active_users": story.active_users,
            },
            "contact": contact
            and {
                "id": _id(contact.user_id),
                "name": _name(wording.contact_name(story)),
                "title": _name(contact.title),
                "email_domain": _name(contact.email_domain),
            },
            "email": _address(occasion),
            "score": _number(story.score),
            "threshold": _number(story.threshold),
            "tier": story.tier,
            "tier_reason": _clean(story.tier_reason, _LONGEST_LINE),
            "signals": [
                {
                    "says": _clean(plain_signal(fact, now), _LONGEST_LINE),
                    "points": _number(fact.points),
                    "may_be_mentioned": fact.speakable,
                }
                for fact in wording.strongest_signals(story)[:_MOST_SIGNALS]
            ],
            "first_message": _first_message(story, _LONGEST_MESSAGE),
            "playbook": _name(story.playbook),
            "owner": _name(story.owner),
            "deadline": story.due_at and _iso(story.due_at),
            "links": {"crm": safe_url(story.crm_url), "analytics": safe_url(story.analytics_url)},
            "version": _name(story.version),
        },
    }


def _customerio(occasion: Occasion) -> dict[str, Any]:
    """A person's event of the Track API, version 2.

    `id` is "a valid ULID used to deduplicate events"; `identifiers` takes exactly one identifier.
    `recipient`, `from_address` and `reply_to` would override the campaign and are never set.
    """
    contact = occasion.story.contact
    attributes = _for_customers(occasion, _LONGEST_MESSAGE)
    attributes["signals"] = _spoken(occasion.story, _LONGEST_LINE)
    return {
        "type": "person",
        "identifiers": {"id": _id(contact.user_id)} if contact else {"email": _known(occasion)},
        "action": "event",
        "name": EVENT,
        "id": ulid(occasion.story.crossed_at, occasion.key),
        "timestamp": int(occasion.story.crossed_at.timestamp()),
        "attributes": attributes | _given(email=_address(occasion)),
    }


def _intercom(occasion: Occasion) -> dict[str, Any]:
    """A data event.

    Intercom takes two events of one user with the same name and second for the same one. Hence
    `created_at` is the crossing, and the name tells program, level and action apart, which may
    cross together. Metadata: 20 entries, none nested.
    """
    story = occasion.story
    contact = story.contact
    name = f"{EVENT}-{story.program}-{story.level}-{occasion.action}".lower()
    spoken = _spoken(story, _LONGEST_METADATA)
    signals = {f"signal_{place}": said for place, said in enumerate(spoken, start=1)}
    return {
        "event_name": re.sub(r"[^a-z0-9]+", "-", name)[:_LONGEST_METADATA],
        "created_at": int(story.crossed_at.timestamp()),
        **({"user_id": _id(contact.user_id)} if contact else {"email": _known(occasion)}),
        "metadata": _for_customers(occasion, _LONGEST_METADATA) | signals,
    }


_TEMPLATES: Final[Mapping[str, Callable[[Occasion], dict[str, Any]]]] = {
    "generic": _generic,
    "customerio": _customerio,
    "intercom": _intercom,
}


def _for_customers(occasion: Occasion, longest_message: int) -> dict[str, Any]:
    """What both tools get, flat and without what is not known; dates as Unix seconds."""
    story = occasion.story
    return _given(
        webhook_id=occasion.key,
        action=occasion.action,
        sequence=_name(occasion.sequence),
        program=_name(story.program),
        level=_name(story.level),
        account_id=_id(story.account_id),
        account_name=_name(story.account_name),
        plan=_name(story.plan),
        score=_number(story.score),
        tier=story.tier,
        playbook=_name(story.playbook),
        first_message=_first_message(story, longest_message),
        due_date=int(story.due_at.timestamp()) if story.due_at else None,
    )


def _spoken(story: AlertStory, limit: int) -> list[str]:
    """The strongest signals that the customer may be told of, without who did it."""
    spoken = [fact for fact in wording.strongest_signals(story) if fact.speakable]
    return [_clean(phrase(fact), limit) for fact in spoken[:_MOST_SPOKEN]]


def _first_message(story: AlertStory, limit: int) -> str | None:
    """The first message; None when there is none, or it would have to be cut."""
    said = _line(wording.first_message(story))
    return None if said == wording.NOTHING_TO_SAY or len(said) > limit else said


def _address(occasion: Occasion) -> str | None:
    """The e-mail address where the action cannot do without (S7: the least that is needed)."""
    return occasion.email if occasion.action == "email_sequence" else None


def _known(occasion: Occasion) -> str:
    """The address of somebody of whom nothing else is known."""
    if occasion.email is None:
        raise Rejected("nobody is known whom this webhook could be about")
    return occasion.email


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _id(text: str) -> str:
    """An identifier as it is: a changed one would name somebody else."""
    if not 0 < len(text) <= _LONGEST_ID or not text.isprintable():
        raise Rejected("an identifier of this story is empty, too long or not printable")
    return text


def _name(text: str | None) -> str | None:
    return None if text is None else _clean(text, _LONGEST_NAME)


def _clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters, with an ellipsis where it is cut."""
    line = _line(text)
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _line(text: str) -> str:
    """The visible characters, on one line."""
    shown = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in _UNSEEN
    )
    return " ".join(shown.split())


def _number(value: Decimal) -> float:
    """Points as a JSON number: quarters are exact in binary."""
    return float(value)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
