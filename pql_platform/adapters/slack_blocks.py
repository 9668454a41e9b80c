"""The messages a person gets in Slack about a lead or a trouble: alert, escalation, call to duty.

Lays out what `domain/wording.py` says, within Slack's limits for any input: every foreign piece is
cut on its own, so that nothing of ours is ever pushed out. Harmlessness of foreign text is
`slack_text.py`, single blocks are `slack_layout.py`, sending is `slack.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from slack_sdk.models.blocks import Block

from pql_platform.adapters.slack_buttons import answer_row
from pql_platform.adapters.slack_layout import (
    SlackMessage,
    fields,
    footer,
    header,
    link_buttons,
    message,
    section,
)
from pql_platform.adapters.slack_text import mrkdwn, plain, safe_url
from pql_platform.adapters.slack_thread import mention
from pql_platform.domain import wording
from pql_platform.domain.grammar import number, sentence
from pql_platform.domain.reason_wording import label, short_name, signed
from pql_platform.domain.story import AlertStory

MOST_SIGNALS = 6
"""Signals shown; a program has three to five, and the rest is counted."""

_MOST_PARTS = 6
_BAR = 10  # characters of a full bar
# Longest foreign pieces, in characters of the message. With these the largest alert stays under
# Slack's sum over all blocks (about 13,200, measured in bolt-js issue 2509).
_NAME, _FACT, _PHRASE, _PARAGRAPH = 80, 120, 240, 500
_UNNAMED = "(no readable name)"


def alert_message(
    story: AlertStory,
    now: datetime,
    key: str | None = None,
    *,
    status: str | None = None,
    answerable: bool = True,
) -> SlackMessage:
    """The alert that tells a rep whom to contact, why, with which words and until when.

    Args:
        story: What is known of the crossing.
        now: The moment of sending, UTC; ages and what is left of the deadline count from it.
        key: Idempotency key for the metadata; the hand-off's id without one.
        status: What has happened since, on top of an alert that is edited.
        answerable: Whether there is a row to answer by.
    """
    score = number(story.score)
    since = [plain(status, _PHRASE)] if status else []
    return message(
        text=[*since, _headline(story), *_told(story, now, not status)],
        blocks=[
            header(f"{_account(story)} · tier {story.tier} · score {score} of 100"),
            *([section(f"*{mrkdwn(status, _PHRASE)}*")] if status else []),
            section(f"*{_call(story, now)}*\n{_clock(story, now, not status)}"),
            *_evidence_and_words(story, now),
            fields(
                f"*What to do*\n{mrkdwn(wording.what_to_do(story), _PARAGRAPH)}",
                f"*Why tier {story.tier}*\n{sentence(mrkdwn(story.tier_reason, _PARAGRAPH))}",
            ),
            fields(
                f"*Contact*\n{_listed(_contact(story), wording.contact_context(story))}",
                f"*Account*\n{_listed(_name(story), wording.account_context(story))}",
            ),
            section(f"*Score {score}*, {_change(story)}\n```{_breakdown(story)}```"),
            *(answer_row(story.handoff_id, story.owner) if answerable else []),
            *link_buttons(_places(story)),
            _small_print(story),
        ],
        key=key or story.handoff_id,
    )


def escalation_message(
    story: AlertStory, now: datetime, key: str | None = None, slack_id: str | None = None
) -> SlackMessage:
    """The message to the one who takes over when the deadline has passed.

    Names a late contact as a failure of the process, never of the data (item 115).

    Args:
        story: With `escalate_to` as whoever is asked.
        now: The moment of sending, UTC.
        key: Idempotency key for the metadata; the hand-off's id without one.
        slack_id: Slack id of whoever is asked, so that the message mentions them.
    """
    late = ""
    if story.due_at is not None and now > story.due_at:
        late = " The response time was missed; the lead itself is sound."
    due = f"{wording.deadline(story, now)}.{late}"
    told_to = plain(story.escalate_to or "", _NAME)
    shown_to = mention(story.escalate_to, slack_id) if story.escalate_to else ""
    ask, nobody = "please take over, or reassign", "Nobody is named to take over: please reassign"
    return message(
        text=[
            f"Escalated: {_headline(story)}",
            f"{f'{told_to}: {ask}' if told_to else nobody}.",
            f"Contact by {plain(wording.owner_name(story), _NAME)}: {due}",
            *_told(story, now, False),
        ],
        blocks=[
            header(f"Escalated · {_account(story)} · tier {story.tier}"),
            section(
                f"*{f'{shown_to}: {ask}' if shown_to else nobody}*\n"
                f"Contact by {mrkdwn(wording.owner_name(story), _NAME)}: {due}\n"
                f"{_clock(story, now, False)}"
            ),
            *_evidence_and_words(story, now),
            fields(
                f"*Contact*\n{_listed(_contact(story), wording.contact_context(story))}",
                f"*Account*\n{_listed(_name(story), wording.account_context(story))}",
            ),
            *link_buttons(_places(story)),
            _small_print(story),
        ],
        key=key or story.handoff_id,
    )


def _name(story: AlertStory) -> str:
    return wording.account_name(story)


def _account(story: AlertStory) -> str:
    return plain(_name(story), _NAME) or _UNNAMED


def _contact(story: AlertStory) -> str:
    return wording.contact_name(story) or "Name not known"


def _places(story: AlertStory) -> dict[str, str | None]:
    return {
        "Open in product analytics": safe_url(story.analytics_url),
        "Open in the CRM": safe_url(story.crm_url),
    }


def _spelled_out(links: Mapping[str, str | None]) -> list[str]:
    return [f"{label}: {url}" for label, url in links.items() if url]


def _call(story: AlertStory, now: datetime) -> str:
    """Whom to contact by when: the one line to act on."""
    name, title = wording.contact_name(story), story.contact.title if story.contact else None
    whom = mrkdwn(name, _NAME) if name else "somebody at the account"
    if name and title:
        whom += f", {mrkdwn(title, _NAME)}"
    if story.due_at is None:
        return f"No contact is due ({whom})"
    return f"Contact {whom}: {wording.deadline(story, now)}"


def _clock(story: AlertStory, now: datetime, is_news: bool) -> str:
    """Who, since when, and how long: owner, escalation, time since crossing, freshness."""
    escalation = f" (if late: {mrkdwn(story.escalate_to, _NAME)})" if story.escalate_to else ""
    since = wording.crossed(story, now, is_news)
    return (
        f"Owner: {mention(wording.owner_name(story), story.owner_slack)}{escalation} · {since} · "
        f"{wording.stays_hot(story, now)}"
    )


def _evidence_and_words(story: AlertStory, now: datetime) -> list[Block]:
    """What they did, and what to say about it."""
    earned = wording.strongest_reasons(story, now)
    did = [
        f"• {mrkdwn(says, _PHRASE)}  _{signed(points)} points"
        f"{'' if speakable else ', do not mention it'}_"
        for says, points, speakable in earned[:MOST_SIGNALS]
    ]
    if len(earned) > MOST_SIGNALS:
        did.append(f"• and {len(earned) - MOST_SIGNALS} more")
    words = mrkdwn(wording.first_message(story), _PARAGRAPH)
    return [
        section("*What they did*\n" + ("\n".join(did) or "No single signal stands out")),
        section(f"*{wording.message_heading(story)}*\n>{words}"),
    ]


def _listed(name: str, facts: Iterable[str]) -> str:
    shown = " · ".join(fact for text in facts if (fact := mrkdwn(text, _FACT)))
    return f"{mrkdwn(name, _NAME) or _UNNAMED}\n{sentence(shown)}"


def _change(story: AlertStory) -> str:
    top = wording.top_category(story)
    strongest = f", strongest in {mrkdwn(label(top), 40)}" if top else ""
    change = wording.change_since_yesterday(story)
    return f"{change}, the line is at {number(story.threshold)}{strongest}"


def _parts(story: AlertStory) -> list[tuple[str, str, Decimal | None]]:
    """Of what the score is made: name, `31.5 of 35`, share of the weight; strongest first.

    The amounts add up to the score: what there is no room for is one amount of its own.
    """
    parts: list[tuple[str, str, Decimal | None]] = []
    ranked = sorted(story.categories.items(), key=lambda item: item[1], reverse=True)
    for name, points in _with_rest(ranked):
        weight = story.category_weights.get(name)
        share = min(max(points / weight, Decimal(0)), Decimal(1)) if weight else None
        parts.append((name, number(points) + (f" of {number(weight)}" if weight else ""), share))
    others = [(short_name(reason), reason.points) for reason in story.other_reasons]
    parts += [(name, signed(points), None) for name, points in _with_rest(others)]
    # mrkdwn also for the plain text: a backtick would end the code block of the bars.
    return [(mrkdwn(label(name), 24), amount, share) for name, amount, share in parts]


def _with_rest(amounts: list[tuple[str, Decimal]]) -> list[tuple[str, Decimal]]:
    """As many amounts as are shown; the last one stands for all that are not."""
    if len(amounts) <= _MOST_PARTS:
        return amounts
    rest = amounts[_MOST_PARTS - 1 :]
    total = sum((points for _, points in rest), Decimal(0))
    return [*amounts[: _MOST_PARTS - 1], (f"{len(rest)} more", total)]


def _breakdown(story: AlertStory) -> str:
    """The parts of the score as monospaced rows with a bar each."""
    parts = _parts(story)
    width = max((len(name) for name, _, _ in parts), default=0)
    rows = []
    for name, amount, share in parts:
        bar = "" if share is None else ("█" * round(share * _BAR)).ljust(_BAR, "░")
        rows.append(f"{name.ljust(width)}  {bar.ljust(_BAR)}  {amount}")
    return "\n".join(rows) or "no parts known"


def _small_print(story: AlertStory) -> Block:
    known = [
        f"{story.program}, {label(story.motion)}, {story.level} level",
        f"value metric: {story.value_metric}" if story.value_metric else "",
        f"model {story.version}",
        f"hand-off {story.handoff_id}",
        f"owner: {story.owner_reason}" if story.owner_reason else "",
    ]
    return footer(" · ".join(mrkdwn(part, _FACT) for part in known if part))


def _headline(story: AlertStory) -> str:
    return (
        f"Tier {story.tier}: {_account(story)}, score {number(story.score)} of 100, "
        f"{wording.change_since_yesterday(story)}; the line is at {number(story.threshold)}."
    )


def _told(story: AlertStory, now: datetime, is_news: bool) -> list[str]:
    """The rest of an alert as sentences that can be read aloud."""

    def joined(facts: Iterable[str], limit: int, by: str = ", ") -> str:
        return by.join(plain(fact, limit) for fact in facts if fact)

    did = [says for says, _, _ in wording.strongest_reasons(story, now)]
    parts = ", ".join(f"{name} {amount}" for name, amount, _ in _parts(story))
    escalation = f", if late {plain(story.escalate_to, _NAME)}" if story.escalate_to else ""
    return [
        f"Owner: {plain(wording.owner_name(story), _NAME)}{escalation}. "
        f"Contact: {wording.deadline(story, now)}. "
        f"{sentence(wording.crossed(story, now, is_news))}; {wording.stays_hot(story, now)}.",
        f"Key contact: {joined([_contact(story), *wording.contact_context(story)], _FACT)}.",
        f"Account: {joined(wording.account_context(story), _FACT)}.",
        f"What they did: {joined(did[:MOST_SIGNALS], _PHRASE, '; ') or 'nothing stands out'}.",
        f"{wording.message_heading(story)}: {plain(wording.first_message(story), _PARAGRAPH)}",
        f"What to do: {plain(wording.what_to_do(story), _PARAGRAPH)}",
        f"Why tier {story.tier}: {plain(story.tier_reason, _PARAGRAPH)}.",
        f"Points, strongest first: {parts or 'not known'}; together {number(story.score)}.",
        *_spelled_out(_places(story)),
    ]
