"""The sentences of an alert: from the facts of a story to what a rep reads, or reads aloud.

Pure text, with nothing of Slack in it: escaping, layout and limits are the adapters' business,
single reasons are in `reason_wording.py`, the grammar of numbers and times in `grammar.py`. Words
written here are about the person's work and what is in its way; product pitches and generic openers
have no place.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal

from pql_platform.domain.grammar import counted, day, moment, number, sentence, span
from pql_platform.domain.points import SPREAD
from pql_platform.domain.reason_wording import (
    PERSON,
    TEAM,
    other_reason,
    phrase,
    plain_signal,
    uncapitalised,
)
from pql_platform.domain.story import AlertStory, SignalFact

NOTHING_TO_SAY = (
    "No first message is suggested: none of these signals may be mentioned to the customer."
)
"""Said instead of inventing a message."""

_IN_APP = "Send nothing: the product shows the upgrade prompt. Step in when they answer it."
_PLAYBOOKS = {
    "ae_call": "Call: ask how the team works today, and what keeps everybody else out of it.",
    "rep_call": "Call: ask what they are trying to get done, and what is in the way.",
    "product_specialist": "Write to them about their work, and help past what is in the way.",
    "in_app": _IN_APP,
    "in_app_prompt": _IN_APP,
    "email_sequence": "Do not call: the e-mail sequence starts by itself. Step in on an answer.",
    "nurture": "Do not call: the nurture sequence goes on, and you hear again if the score rises.",
}
# Nobody writes first under these.
_BY_ITSELF = frozenset({"in_app", "in_app_prompt", "email_sequence", "nurture"})

# One question per category: the first is asked of a team, the second of one person. Each is about
# the workflow or its obstacle, and never explains, qualifies or sells (item 138).
_QUESTIONS = {
    "usage_depth": (
        "Which part of that work does the team still do somewhere else?",
        "Which part of that work still takes longer than it should?",
    ),
    "frequency": (
        "Which of the team's routines is behind that?",
        "Which task brings you back that often?",
    ),
    "feature_adoption": (
        "What was the team trying to get done at that point?",
        "What were you trying to get done at that point?",
    ),
    "viral": (
        "What do you need to get done together that gets stuck today?",
        "What do you need the people you brought in to be able to do?",
    ),
}
_OBSTACLE_QUESTION = "What could you not finish because of it?"
_OTHER_QUESTION = "What were you trying to get done?"
# The customer ran into something: then the obstacle itself is the question, whatever the category.
_OBSTACLE = re.compile(r"\b(limit|limits|cap|capped|quota|blocked|locked|denied|paywall)\b", re.I)
_LATE = timedelta(hours=1)  # from a crossing to its message; it takes seconds when all is well
_HONORIFICS = frozenset({"dr", "mr", "mrs", "ms", "miss", "mx", "prof", "herr", "frau", "mme"})
_LONGEST_GIVEN_NAME = 40


def strongest_signals(story: AlertStory) -> list[SignalFact]:
    """The signals that earned points, most first: those that made the designation."""
    earned = [fact for fact in story.signals if fact.points > 0]
    return sorted(earned, key=lambda fact: fact.points, reverse=True)


def strongest_reasons(story: AlertStory, now: datetime) -> list[tuple[str, Decimal, bool]]:
    """What they did, most points first: the sentence, its points, whether it may be mentioned."""
    did = [
        (plain_signal(fact, now), fact.points, fact.speakable) for fact in strongest_signals(story)
    ]
    did += [
        (other_reason(reason), reason.points, True)
        for reason in story.other_reasons
        if reason.category == SPREAD
    ]
    return sorted(did, key=lambda reason: reason[1], reverse=True)


def top_category(story: AlertStory) -> str | None:
    """The category with the most points; of equals the one nearer to its weight, then by name."""
    earned = {name: points for name, points in story.categories.items() if points > 0}

    def rank(name: str) -> tuple[Decimal, Decimal, str]:
        weight = story.category_weights.get(name) or Decimal(100)
        return -earned[name], -earned[name] / weight, name

    return min(earned, key=rank, default=None)


def change_since_yesterday(story: AlertStory) -> str:
    """The score against the one a day before: `up 13 from 71 yesterday`."""
    before = story.yesterday_score
    if before is None:
        return "no score yesterday"
    change = story.score - before
    if change == 0:
        return f"the same as yesterday ({number(before)})"
    return f"{'up' if change > 0 else 'down'} {number(abs(change))} from {number(before)} yesterday"


def time_since(crossed_at: datetime, now: datetime) -> str:
    """How long ago the line was crossed: `8 min ago`; `just now` within a minute."""
    passed = now - crossed_at
    return "just now" if passed < timedelta(minutes=1) else f"{span(passed)} ago"


def crossed(story: AlertStory, now: datetime, is_news: bool) -> str:
    """When the line was crossed; of news that is an hour old, that the message comes late."""
    said = f"crossed the line {time_since(story.crossed_at, now)}"
    if not is_news or now - story.crossed_at < _LATE:
        return said
    return f"{said}, so this message comes late"


def stays_hot(story: AlertStory, now: datetime) -> str:
    """How fast the intent fades: `half of this intent is gone by Thu 14:00 UTC`."""
    half_life = timedelta(days=float(story.half_life_days))
    half_gone = story.crossed_at + half_life
    if now < half_gone:
        return f"half of this intent is gone by {moment(half_gone, now)}"
    left = 0.5 ** ((now - story.crossed_at) / half_life)
    return f"{left:.0%} of this intent is left, half was gone by {moment(half_gone, now)}"


def deadline(story: AlertStory, now: datetime) -> str:
    """When contact is due: `due Tue 16:05 UTC, in 1 h 52 min`; late: `was due 2 h ago (…)`."""
    if story.due_at is None:
        return "no deadline"
    when = moment(story.due_at, now)
    if now > story.due_at:
        return f"was due {span(now - story.due_at)} ago ({when})"
    return f"due {when}, in {span(story.due_at - now)}"


def what_to_do(story: AlertStory) -> str:
    """The playbook in plain sentences, one per part; an unknown part as it is written."""
    return " ".join(_PLAYBOOKS.get(part, part) for part in _parts(story))


def message_heading(story: AlertStory) -> str:
    """What the first message is for: to be sent, or to be ready where the playbook sends itself."""
    by_itself = _BY_ITSELF.issuperset(_parts(story))
    return "When they answer, say" if by_itself else "Say this first"


def _parts(story: AlertStory) -> list[str]:
    """The parts of a playbook, which may be a combination: `ae_call + in_app_prompt`."""
    return story.playbook.split(" + ")


def account_name(story: AlertStory) -> str:
    """The account's name, or its id while it has none."""
    return story.account_name or story.account_id


def owner_name(story: AlertStory) -> str:
    """What people call the owner; the name of the route where nobody is known by it."""
    return story.owner_name or story.owner


def contact_name(story: AlertStory) -> str | None:
    """The contact's name; None when nobody is known, or only by an address."""
    name = story.contact.name if story.contact else None
    return name if name and "@" not in name else None


def contact_context(story: AlertStory) -> list[str]:
    """What is known of the contact besides the name: title, company domain, sign-up, own score."""
    contact = story.contact
    if contact is None:
        return ["nobody of the account is known by name yet"]
    known = [contact.title or "role not known"]
    if contact_name(story) is None:
        known.append(f"user {contact.user_id}")
    if contact.email_domain:
        known.append(f"works at {contact.email_domain}")
    if contact.signed_up_on:
        known.append(f"signed up {day(contact.signed_up_on)}")
    if contact.score is not None:
        known.append(f"own score {number(contact.score)}")
    return known


def account_context(story: AlertStory) -> list[str]:
    """What is known of the account: size, trade, place, plan, people in the product."""
    known = [counted(story.employees, "employee")] if story.employees is not None else []
    known += [text for text in (story.industry, story.country or story.region) if text]
    if story.segment:
        known.append(f"{story.segment} segment")
    if story.plan:
        known.append(f"{story.plan} plan")
    known.append(
        f"{counted(story.users, 'user')}, {story.active_users} active, "
        f"{story.users_over_threshold or 'none'} qualified themselves"
    )
    if story.signed_up_on:
        known.append(f"signed up {day(story.signed_up_on)}")
    return known


def first_name(full_name: str | None) -> str | None:
    """The given name to greet by, or None when `full_name` is an address or holds no given name.

    Takes the part after the comma of `Chen, Maya` and the first part of `maya.chen`, skips
    honorifics, and keeps letters, hyphens and apostrophes only: what a customer typed there goes
    into a message to a customer.
    """
    if not full_name or "@" in full_name or "://" in full_name:
        return None
    family_first = full_name.split(",")
    for word in family_first[1 if len(family_first) == 2 else 0].split():
        part = re.split(r"[._\d]", word, maxsplit=1)[0]
        kept = "".join(c for c in part if unicodedata.category(c)[0] in "LM" or c in "-'\u2019")
        if not kept[:1].isalpha() or kept.lower() in _HONORIFICS:
            continue
        if len(kept) > _LONGEST_GIVEN_NAME or (len(kept) == 1 and kept.isascii()):
            return None
        return sentence(kept) if kept.islower() else kept
    return None


def first_message(story: AlertStory) -> str:
    """One specific behaviour and one direct question, to be sent as it is (items 128, 136, 138).

    The behaviour is the strongest signal that may be spoken of; the question follows from its
    category, from whether a team or one person is asked, and from an obstacle they ran into.
    """
    spoken = next((fact for fact in strongest_signals(story) if fact.speakable), None)
    if spoken is None:
        return NOTHING_TO_SAY
    asks_team = _speaks_to_team(story)
    done = uncapitalised(phrase(spoken).replace("?", ""))
    name = first_name(story.contact.name) if story.contact else None
    greeting = f"Hi {name}, I noticed that" if name else "I noticed that"
    return f"{greeting} {_doer(story, spoken)} {done}. {_question(spoken, done, asks_team)}"


def _doer(story: AlertStory, fact: SignalFact) -> str:
    """Who did it, as said to the contact: a colleague is not named to another one."""
    if fact.actor == PERSON and story.users > 1:
        is_contact = story.contact is not None and story.contact.user_id == fact.user_id
        return "you" if is_contact else "somebody on your team"
    if fact.actor == TEAM:
        return "your team" if story.users > 1 else "you"
    return "your team" if _speaks_to_team(story) else "you"


def _speaks_to_team(story: AlertStory) -> bool:
    """A specialist speaks to one person; everybody else to the account that crossed."""
    return (
        story.level == "account" and story.users > 1 and "product_specialist" not in _parts(story)
    )


def _question(fact: SignalFact, done: str, asks_team: bool) -> str:
    if _OBSTACLE.search(done):
        return _OBSTACLE_QUESTION
    for_team, for_person = _QUESTIONS.get(fact.category, (_OTHER_QUESTION, _OTHER_QUESTION))
    return for_team if asks_team else for_person
