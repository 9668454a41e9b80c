"""The demo product at the real clock: endless small bursts of messages after the history.

About one burst in three belongs to a trial team that heats up: several of its people do what was
planted to cause payment, so that the account crosses into the best-scored eighth. The rest is
ordinary life. Sends nothing and reads no clock: the caller stamps each burst and delivers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2s

import numpy as np
import orjson

from pql_platform.demo.cast import Cast, Team
from pql_platform.demo.catalogue import VARIANTS, Action, Body
from pql_platform.demo.diary import Voice
from pql_platform.demo.identities import Person
from pql_platform.demo.segment_lines import group, identify, sender_ids
from pql_platform.demo.world import open_run
from pql_platform.errors import PqlError

# Keeps the stream of the live feed apart from the streams of the worlds, which use [seed, number].
_LIVE_STREAM = (0x11FE, 1)
_HEATING_SHARE = 1 / 3
_NEW_TEAM_SHARE = 0.2
_STRANGER_SHARE, _SIGNUP_SHARE = 0.2, 0.15
SPACING = timedelta(seconds=2)

_EVERYDAY = (
    Action.BOARDS,
    Action.BOARDS,
    Action.BOARDS,
    Action.COMMENT_ADDED,
    Action.COMMENT_ADDED,
    Action.TEMPLATE_USED,
    Action.BOARD_CREATED,
    Action.HELP_ARTICLE_VIEWED,
)
# What a first user and then a colleague do when the team takes to the product.
_TEAM_PROJECT = (
    Action.BOARD_CREATED,
    Action.BOARD_CREATED,
    Action.BOARD_SHARED,
    Action.BOARD_CREATED,
    Action.TEAMMATE_INVITED,
    Action.INTEGRATION_CONNECTED,
    Action.BOARD_SHARED,
)
_GATES: tuple[Action, ...] = (
    Action.EXPORT_LIMIT_REACHED,
    Action.PREMIUM_FEATURE_TRIED,
    Action.UPGRADE_PROMPT_CLICKED,
)
_FIRST_STEPS = (Action.BOARDS, Action.TEMPLATE_USED)


def live_sessions(*, seed: int, accounts: int, days: int, end: datetime) -> Iterator[list[Body]]:
    """Bursts of 3 to 15 Segment messages without ids and times, for ever.

    The same arguments as for the history bring the same people back, and always the same bursts.

    Raises:
        PqlError: An argument is out of range.
    """
    run = open_run(seed=seed, accounts=accounts, days=days, end=end)
    rng = np.random.default_rng([seed, *_LIVE_STREAM])
    return _bursts(rng, Cast(run, rng))


def stamp(burst: Sequence[Body], now: datetime) -> list[Body]:
    """Give a burst its message ids and times: two seconds apart, the last message at `now`.

    The ids depend on content, place and time alone, and are unique as long as no two bursts are
    stamped with the same millisecond.

    Raises:
        PqlError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise PqlError("now has no time zone", field="now", hint="Give it in UTC")
    sent = _iso(now)
    return [
        {
            "messageId": _message_id(message, place, sent),
            **message,
            "timestamp": _iso(now - SPACING * (len(burst) - 1 - place)),
            "sentAt": sent,
            "receivedAt": sent,
        }
        for place, message in enumerate(burst)
    ]


def _bursts(rng: np.random.Generator, cast: Cast) -> Iterator[list[Body]]:
    while True:
        if rng.random() < _HEATING_SHARE:
            yield _heat_up(rng, cast)
        else:
            yield _ordinary_life(rng, cast)


def _heat_up(rng: np.random.Generator, cast: Cast) -> list[Body]:
    """A trial team in which two people take to the product within minutes."""
    team = None if rng.random() < _NEW_TEAM_SHARE else cast.quiet_team()
    if team is None:
        team = cast.newcomer("trial_team")
        opening = _arrive(rng, team, team.people[0])
        gates = _GATES[:-1]  # the sign-up has taken its place in the burst
    else:
        opening = [_say(rng, team, team.people[0], Action.LOGGED_IN)]
        gates = _GATES
    project = [_say(rng, team, team.people[0], action) for action in _TEAM_PROJECT]
    if len(team.people) > 1:
        colleague = team.people[1]
        joins = [_say(rng, team, colleague, Action.LOGGED_IN)]
    else:
        colleague = team.welcome(rng, cast.tag)
        joins = [
            _say_traits(team, colleague, identify(colleague)),
            _say(rng, team, colleague, Action.INVITE_ACCEPTED),
        ]
    limits = [_say(rng, team, colleague, action) for action in gates]
    return [*opening, *project, *joins, *limits]


def _ordinary_life(rng: np.random.Generator, cast: Cast) -> list[Body]:
    kind = rng.random()
    if kind < _STRANGER_SHARE:
        return _look_around(rng, cast.stranger())
    if kind < _STRANGER_SHARE + _SIGNUP_SHARE:
        team = cast.newcomer("personal" if rng.random() < 0.5 else "tyre_kicker")
        owner = team.people[0]
        landing = _say(rng, team, owner, Action.HOME, Voice.ANONYMOUS)
        steps = [_say(rng, team, owner, action) for action in _FIRST_STEPS]
        return [landing, *_arrive(rng, team, owner), *steps]
    team = cast.anybody()
    person = team.people[rng.integers(len(team.people))]
    actions = [_EVERYDAY[at] for at in rng.integers(len(_EVERYDAY), size=rng.integers(2, 8))]
    return [_say(rng, team, person, action) for action in (Action.LOGGED_IN, *actions)]


def _look_around(rng: np.random.Generator, browser: str) -> list[Body]:
    shown = (Action.HOME, Action.BOARDS, Action.PRICING)
    return [{"anonymousId": browser, "context": {}, **_variant(rng, action)} for action in shown]


def _arrive(rng: np.random.Generator, team: Team, person: Person) -> list[Body]:
    """Identify, group where there is a workspace, Signed Up, and Trial Started on a trial."""
    messages = [_say_traits(team, person, identify(person))]
    trial = bool(team.account.trait("trial")[0])
    if team.workplace.group_id:
        plan = "trial" if trial else "free"
        messages.append(_say_traits(team, person, group(team.workplace, plan)))
    messages.append(_say(rng, team, person, Action.SIGNED_UP))
    if trial:
        messages.append(_say(rng, team, person, Action.TRIAL_STARTED))
    return messages


def _say(
    rng: np.random.Generator,
    team: Team,
    person: Person,
    action: Action,
    voice: Voice = Voice.IDENTIFIED,
) -> Body:
    return {**sender_ids(person, team.workplace, voice), **_variant(rng, action)}


def _say_traits(team: Team, person: Person, body: Body) -> Body:
    return {**sender_ids(person, team.workplace, Voice.IDENTIFIED), **body}


def _variant(rng: np.random.Generator, action: Action) -> Body:
    variants = VARIANTS[action]
    return variants[rng.integers(len(variants))]


def _message_id(message: Body, place: int, sent: str) -> str:
    content = orjson.dumps([sent, place, message])
    return f"live-{blake2s(content, digest_size=12).hexdigest()}"


def _iso(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
