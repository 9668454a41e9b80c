"""What happens in each session: planted behaviours, vanity and ordinary work, placed in time.

Arrivals, payments and mere visits are in `lifecycle`; how an event is written and what is lost on
the way is in `segment_lines` and `transport`.
"""

from __future__ import annotations

import numpy as np

from pql_platform.demo.behaviour import BEHAVIOURS, EARLY_DAYS, INVITING, Fate
from pql_platform.demo.calendar import DAY_MS, SECOND_MS, Ints, Window
from pql_platform.demo.catalogue import Action
from pql_platform.demo.diary import Diary, Events, Voice
from pql_platform.demo.lifecycle import note_arrivals, note_money, note_visitors
from pql_platform.demo.population import KINDS, Accounts
from pql_platform.demo.team import Invitations, People, Sessions, choose_sessions

# Turns a known person's voice into the same browser before the login.
_LOGGED_OUT = -1

_ORDINARY = (
    Action.BOARDS,
    Action.COMMENT_ADDED,
    Action.BOARD_CREATED,
    Action.TEMPLATE_USED,
    Action.DATA_IMPORTED,
    Action.HOME,
    Action.PRICING,
    Action.PLAN_COMPARED,
    Action.API_KEY_CREATED,
)
_ORDINARY_SHARE = np.array([0.42, 0.31, 0.11, 0.08, 0.022, 0.03, 0.012, 0.008, 0.004])
_CURIOUS_SHARE = np.array([0.30, 0.05, 0.10, 0.20, 0.0, 0.10, 0.15, 0.10, 0.0])
_ORDINARY_PER_SESSION = 8.2

_LOGIN_SHARE, _HOME_FIRST_SHARE = 0.8, 0.3
_HELP_LOG_ODDS, _HELP_ENTHUSIASM = -1.7, 0.6
_SECOND_DEVICE_PEOPLE, _SECOND_DEVICE_SESSIONS = 0.3, 0.35
_TRAITS_AGAIN = 0.06
_PROMPT_AFTER_GATE, _COMPARE_AFTER_PROMPT = 0.4, 0.5
# Chance per session after the first weeks, for free and for paying accounts.
_LATE = (
    (Action.BOARD_SHARED, 0.04, 0.12),
    (Action.EXPORT_LIMIT_REACHED, 0.02, 0.0),
    (Action.BOARD_LIMIT_REACHED, 0.015, 0.0),
    (Action.PREMIUM_FEATURE_TRIED, 0.012, 0.10),
    (Action.INTEGRATION_CONNECTED, 0.003, 0.012),
)
_GATES = (
    Action.EXPORT_LIMIT_REACHED,
    Action.BOARD_LIMIT_REACHED,
    Action.PREMIUM_FEATURE_TRIED,
)


def draw_events(
    rng: np.random.Generator,
    window: Window,
    accounts: Accounts,
    fate: Fate,
    people: People,
    sessions: Sessions,
    invitations: Invitations,
) -> tuple[Events, int]:
    """Everything that happens to these accounts, and how many mere visitors came by as well.

    Some events may lie before the window's start or after its end: the caller drops them.
    """
    diary = Diary()
    elsewhere = _draw_elsewhere(rng, people, sessions)
    voice = np.where(elsewhere, Voice.IDENTIFIED_ELSEWHERE, Voice.IDENTIFIED)
    note_arrivals(diary, rng, accounts, fate, people)
    _note_logins(diary, rng, sessions, voice)
    _note_ordinary(diary, rng, accounts, sessions, voice)
    _note_planted(diary, rng, accounts, fate, sessions, voice)
    _note_late(diary, rng, accounts, fate, sessions, voice)
    diary.note(invitations.at_ms, Action.TEAMMATE_INVITED, invitations.account, Voice.IDENTIFIED)
    note_money(diary, rng, accounts, fate)
    visitors = note_visitors(diary, rng, window, len(accounts), len(people))
    return diary.joined(), visitors


def _draw_elsewhere(rng: np.random.Generator, people: People, sessions: Sessions) -> Ints:
    """Whether each session is held in the person's second browser."""
    has_second = rng.random(len(people)) < _SECOND_DEVICE_PEOPLE
    used = rng.random(len(sessions)) < _SECOND_DEVICE_SESSIONS
    return (has_second[sessions.person] & used & ~sessions.joining).astype(np.int64)


def _note_logins(diary: Diary, rng: np.random.Generator, sessions: Sessions, voice: Ints) -> None:
    """Logins, some after a look at the home page while still logged out."""
    chance = rng.random(len(sessions))
    rows = np.flatnonzero(~sessions.joining & (chance < _LOGIN_SHARE))
    diary.note(sessions.start_ms[rows], Action.LOGGED_IN, sessions.person[rows], voice[rows])
    rows = rows[chance[rows] < _HOME_FIRST_SHARE]
    before = rng.integers(3 * SECOND_MS, 40 * SECOND_MS, size=len(rows))
    at_ms, person = sessions.start_ms[rows] - before, sessions.person[rows]
    diary.note(at_ms, Action.HOME, person, voice[rows] + _LOGGED_OUT)


def _note_ordinary(
    diary: Diary, rng: np.random.Generator, accounts: Accounts, sessions: Sessions, voice: Ints
) -> None:
    """Everyday use, help articles, and now and then the traits once more."""
    row = np.repeat(
        np.arange(len(sessions)), 1 + rng.poisson(_ORDINARY_PER_SESSION, size=len(sessions))
    )
    mixes = np.array(
        [_CURIOUS_SHARE if kind.mail == "competitor" else _ORDINARY_SHARE for kind in KINDS]
    )
    bounds = np.cumsum(mixes / mixes.sum(axis=1, keepdims=True), axis=1)[:, :-1]
    drawn = rng.random(len(row))
    choice = (drawn[:, None] > bounds[accounts.kind[sessions.account[row]]]).sum(axis=1)
    at_ms = _within(rng, sessions, row)
    diary.note(at_ms, np.array(_ORDINARY)[choice], sessions.person[row], voice[row])

    asks = 1 / (1 + np.exp(-(_HELP_LOG_ODDS + _HELP_ENTHUSIASM * accounts.enthusiasm)))
    rows = np.flatnonzero(rng.random(len(sessions)) < asks[sessions.account])
    diary.note(
        _within(rng, sessions, rows), Action.HELP_ARTICLE_VIEWED, sessions.person[rows], voice[rows]
    )
    rows = np.flatnonzero(~sessions.joining & (rng.random(len(sessions)) < _TRAITS_AGAIN))
    diary.note(
        sessions.start_ms[rows] + SECOND_MS, Action.IDENTIFY, sessions.person[rows], voice[rows]
    )


def _note_planted(
    diary: Diary,
    rng: np.random.Generator,
    accounts: Accounts,
    fate: Fate,
    sessions: Sessions,
    voice: Ints,
) -> None:
    """The planned early behaviours, spread over the team's sessions in the early span."""
    ends_ms = accounts.signup_ms + fate.span_ms
    early = np.flatnonzero(sessions.start_ms <= ends_ms[sessions.account])
    for column, behaviour in enumerate(BEHAVIOURS):
        if column == INVITING:
            continue
        wanted = np.repeat(np.arange(len(accounts)), fate.counts[:, column])
        chosen, _ = choose_sessions(rng, sessions.account[early], wanted)
        rows = early[chosen]
        action = rng.choice(np.array(behaviour.actions), size=len(rows))
        _note_with_prompts(diary, rng, _within(rng, sessions, rows), action, rows, sessions, voice)


def _note_late(
    diary: Diary,
    rng: np.random.Generator,
    accounts: Accounts,
    fate: Fate,
    sessions: Sessions,
    voice: Ints,
) -> None:
    """What those who stay do after the first weeks; it causes nothing any more."""
    late = sessions.start_ms > accounts.signup_ms[sessions.account] + (EARLY_DAYS + 1) * DAY_MS
    paying = sessions.start_ms > fate.pays_ms[sessions.account]
    for action, free_chance, paying_chance in _LATE:
        chance = np.where(paying, paying_chance, free_chance)
        rows = np.flatnonzero(late & (rng.random(len(sessions)) < chance))
        actions = np.full(len(rows), action)
        _note_with_prompts(diary, rng, _within(rng, sessions, rows), actions, rows, sessions, voice)


def _note_with_prompts(
    diary: Diary,
    rng: np.random.Generator,
    at_ms: Ints,
    action: Ints,
    rows: Ints,
    sessions: Sessions,
    voice: Ints,
) -> None:
    """Note actions; those that meet the end of the free plan may lead to prompt and comparison."""
    person, speaks = sessions.person[rows], voice[rows]
    diary.note(at_ms, action, person, speaks)
    for follow_up, chance in (
        (Action.UPGRADE_PROMPT_CLICKED, np.where(np.isin(action, _GATES), _PROMPT_AFTER_GATE, 0)),
        (Action.PLAN_COMPARED, _COMPARE_AFTER_PROMPT),
    ):
        goes_on = rng.random(len(at_ms)) < chance
        at_ms = at_ms[goes_on] + rng.integers(5 * SECOND_MS, 90 * SECOND_MS, size=goes_on.sum())
        person, speaks = person[goes_on], speaks[goes_on]
        diary.note(at_ms, follow_up, person, speaks)


def _within(rng: np.random.Generator, sessions: Sessions, rows: Ints) -> Ints:
    """A moment inside each session, at least five seconds after its start."""
    inside = (rng.random(len(rows)) * sessions.length_ms[rows]).astype(np.int64)
    at_ms: Ints = sessions.start_ms[rows] + 5 * SECOND_MS + inside
    return at_ms
