"""What happens next with a lead: the playbook of its level or tier, and the tools that are told.

Shapes, and what must hold between playbooks and webhooks. What a rep is told to do is
`domain/wording.py`; calling a tool is `adapters/webhook.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from pql_platform.adapters.outbound_guard import Refused, is_outside, read_url
from pql_platform.program.fields import HOOK, FieldError, Line
from pql_platform.program.signals import Section
from pql_platform.program.source import Refusal
from pql_platform.program.suggest import did_you_mean, shown

JOINED: Final = " + "
"""Between the parts of a playbook that is a combination, where it is written as one text."""


def _as_parts(written: object) -> object:
    entries = [written] if isinstance(written, str) else written
    if not isinstance(entries, list | tuple):
        raise FieldError(f"{shown(written)} is no playbook", "Write NAME, or [NAME, NAME]")
    # In a list too, or what is written as one text would be read back as several.
    return tuple(part for entry in entries for part in _split(entry))


def _split(entry: object) -> list[object]:
    if not isinstance(entry, str):
        return [entry]
    return [part.strip() for part in entry.split(JOINED.strip())]


def _as_written(parts: tuple[str, ...]) -> str | list[str]:
    return parts[0] if len(parts) == 1 else list(parts)


def _each_once(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parts))


Playbook = Annotated[
    tuple[Line, ...],
    BeforeValidator(_as_parts),
    AfterValidator(_each_once),
    Field(min_length=1, max_length=4),
    PlainSerializer(_as_written),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4},
            ]
        }
    ),
]
"""One next action, such as `ae_call`, or several: `[ae_call, in_app_prompt]`."""


def _as_outside(url: str) -> str:
    try:
        target = read_url(url)
    except Refused as error:
        raise FieldError(str(error), "Write https://HOST/PATH") from error
    if _is_inside(target.host.removesuffix(".")):
        raise FieldError("the URL leads inside the own network", "Write https://HOST/PATH")
    return url


def _is_inside(host: str) -> bool:
    """Whether a host itself says that it is inside; where a name leads is seen when it is called.

    `localhost` and what ends in it is this machine (RFC 6761, 6.3).
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return not is_outside(host)


HookName = Annotated[str, Field(pattern=HOOK)]


class Webhook(Section):
    """A tool that is told of leads: it shows a prompt, or sends e-mails."""

    url: Annotated[str, AfterValidator(_as_outside)]
    """Where it listens: https, and nowhere inside the own network."""
    template: Literal["generic", "customerio", "intercom"] = "generic"
    """How it is told: our own signed JSON, or an event of Customer.io or Intercom."""
    action: Literal["in_app_prompt", "email_sequence", "signal"] = "signal"
    """What it is to do."""
    playbooks: Annotated[tuple[Line, ...], Field(min_length=1)]
    """The playbooks that it belongs to: it is told of leads that get one of them."""


def webhook_refusals(
    playbooks: Mapping[str, tuple[str, ...]], webhooks: Mapping[str, Webhook]
) -> Iterator[Refusal]:
    """Webhooks that no lead would ever reach."""
    used = {part for parts in playbooks.values() for part in parts}
    for name, webhook in webhooks.items():
        for place, playbook in enumerate(webhook.playbooks):
            if playbook not in used:
                yield Refusal(
                    ("webhooks", name, "playbooks", place),
                    f"no level or tier has the playbook `{playbook}`",
                    did_you_mean(playbook, sorted(used)) or f"Give it to one: user: {playbook}",
                )
