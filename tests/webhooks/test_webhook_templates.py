"""What each receiver is told: the vendors' forms, nothing a customer must not hear, any text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from alert_stories import CROSSED_AT, realistic_story, signal
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.adapters.webhook_templates import LARGEST_BODY, body_of, ulid
from pql_platform.domain.delivery import Message, Rejected
from pql_platform.domain.story import AlertStory

TEMPLATES = ("generic", "customerio", "intercom")
CUSTOMERIO_LIMIT = 32_000
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# Anything that Python can hold as text, lone surrogates and control characters among it.
ANY = st.text(st.characters(), max_size=2_000)
MAYBE = st.none() | ANY
POINTS = st.decimals(0, 100, places=2)
IDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=200)

SIGNAL = st.builds(
    signal,
    name=ANY,
    says=ANY | st.sampled_from(["", ".", "{value} times", "did {value} {value} {nothing}"]),
    value=st.integers(0, 10**9).map(str),
    points=POINTS.map(str),
    category=ANY,
    speakable=st.booleans(),
    first_time=st.booleans(),
    actor=st.sampled_from(["", "person", "team"]),
    user_id=MAYBE,
    person=MAYBE,
)
STORY = st.builds(
    realistic_story,
    account_id=IDS,
    account_name=MAYBE,
    employees=st.none() | st.integers(0, 10**9),
    industry=MAYBE,
    plan=MAYBE,
    country=MAYBE,
    segment=MAYBE,
    program=ANY,
    level=st.sampled_from(["account", "user"]),
    score=POINTS,
    signals=st.lists(SIGNAL, max_size=30).map(tuple),
    tier_reason=ANY,
    playbook=ANY,
    owner=ANY,
    version=ANY,
    contact=st.builds(replace, st.just(realistic_story().contact), user_id=IDS, name=MAYBE),
    crm_url=MAYBE,
    due_at=st.none() | st.just(CROSSED_AT),
)


def _told(template, message: Message):
    return json.loads(body_of(template, message))


def test_our_own_form_says_what_happened_to_whom_and_what_to_do(webhook) -> None:
    told = _told("generic", webhook())
    assert (told["type"], told["timestamp"]) == ("pql.qualified", "2026-09-15T13:57:00Z")
    data = told["data"]
    assert data["account"]["id"] == "acct_5821"
    assert data["account"]["name"] == "Larkspur Robotics"
    assert data["contact"] == {
        "id": "u_77120",
        "name": "Maya Chen",
        "title": "Head of Operations",
        "email_domain": "larkspur.example",
    }
    assert (data["score"], data["threshold"], data["tier"]) == (84.0, 62.0, 1)
    assert data["signals"][0] == {
        "says": "Maya Chen hit the export limit twice in the last 7 days",
        "points": 17.5,
        "may_be_mentioned": True,
    }
    assert [fact["may_be_mentioned"] for fact in data["signals"]].count(False) == 1
    assert data["first_message"].startswith("Hi Maya, I noticed that")
    assert (data["playbook"], data["deadline"]) == ("ae_call", "2026-09-15T15:57:00Z")
    assert data["links"]["crm"] == "https://app.hubspot.example/contacts/1/company/5821"


def test_no_more_signals_are_told_than_anybody_reads(webhook) -> None:
    many = tuple(signal(f"s{n}", f"did thing {n}", "2", str(n)) for n in range(1, 31))
    told = _told("generic", webhook(story={"signals": many}))["data"]["signals"]
    assert [fact["points"] for fact in told] == list(range(30, 20, -1))
    for template, field in (("customerio", "attributes"), ("intercom", "metadata")):
        assert "thing 28" in json.dumps(_told(template, webhook(story={"signals": many}))[field])
        assert "thing 27" not in json.dumps(_told(template, webhook(story={"signals": many})))


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_address_is_told_only_to_send_to_it(template, webhook) -> None:
    address = "maya@larkspur.example"
    for action in ("in_app_prompt", "signal"):
        assert address.encode() not in body_of(template, webhook(action=action, email=address))
    to_write_to = webhook(action="email_sequence", email=address, sequence="trial-upgrade")
    told = _told(template, to_write_to)
    assert b"trial-upgrade" in body_of(template, to_write_to)
    assert (address in json.dumps(told)) == (template != "intercom"), "Intercom has it by user_id"


def test_customerio_gets_an_event_of_the_person_in_its_own_form(webhook) -> None:
    told = _told("customerio", webhook(action="email_sequence", email="m@l.example", sequence="s"))
    attributes = told.pop("attributes")
    assert told == {
        "type": "person",
        "identifiers": {"id": "u_77120"},
        "action": "event",
        "name": "pql.qualified",
        "id": ulid(CROSSED_AT, webhook().key),
        "timestamp": int(CROSSED_AT.timestamp()),
    }
    assert (attributes["email"], attributes["sequence"]) == ("m@l.example", "s")
    assert attributes["due_date"] == int((CROSSED_AT + timedelta(hours=2)).timestamp())
    assert not {"recipient", "from_address", "reply_to"} & set(attributes)


def test_intercom_gets_a_data_event_in_its_own_form(webhook) -> None:
    told = _told("intercom", webhook())
    assert set(told) == {"event_name", "created_at", "user_id", "metadata"}
    assert told["event_name"] == "pql-qualified-boards-account-in-app-prompt"
    assert (told["user_id"], told["created_at"]) == ("u_77120", int(CROSSED_AT.timestamp()))
    assert told["metadata"]["signal_1"] == "hit the export limit twice in the last 7 days"


def test_intercom_events_that_cross_together_have_names_of_their_own(webhook) -> None:
    # Same user, same second: with the same name Intercom would keep the first only.
    names = {
        _told("intercom", webhook(action=action, story={"level": level, "program": program}))[
            "event_name"
        ]
        for action in ("in_app_prompt", "email_sequence", "signal")
        for level in ("account", "user")
        for program in ("boards", "teams")
    }
    assert len(names) == 12


@pytest.mark.parametrize("template", ["customerio", "intercom"])
def test_tools_that_speak_to_customers_get_only_what_may_be_said_and_no_colleague(
    template, webhook
) -> None:
    text = body_of(template, webhook()).decode()
    assert "came back on" not in text, "not speakable"
    assert "Ann Lee" not in text, "a colleague of the contact"
    assert "created 12 boards" in text


@pytest.mark.parametrize("template", TEMPLATES)
def test_without_anything_to_say_no_message_is_told(template, webhook) -> None:
    silent = tuple(replace(fact, speakable=False) for fact in realistic_story().signals)
    told = json.dumps(_told(template, webhook(story={"signals": silent})))
    assert "No first message" not in told
    assert '"first_message": null' in told or "first_message" not in told


def test_a_first_message_is_never_cut(webhook) -> None:
    # Intercom takes 255 characters; half a sentence to a customer is worse than none.
    long = (signal("x", f"did {'something and ' * 30}more", "2", "5"),)
    assert "first_message" not in _told("intercom", webhook(story={"signals": long}))["metadata"]
    assert (
        "more"
        in _told("customerio", webhook(story={"signals": long}))["attributes"]["first_message"]
    )


@pytest.mark.parametrize(
    ("template", "person"),
    [
        ("customerio", ("identifiers", {"email": "a@b.example"})),
        ("intercom", ("email", "a@b.example")),
    ],
)
def test_somebody_known_by_address_alone_is_told_of_by_it(template, person, webhook) -> None:
    told = _told(template, webhook(story={"contact": None}, email="a@b.example"))
    field, value = person
    assert told[field] == value
    with pytest.raises(Rejected, match="nobody is known"):
        body_of(template, webhook(story={"contact": None}))
    assert _told("generic", webhook(story={"contact": None}))["data"]["contact"] is None


def test_a_ulid_is_made_of_its_moment_and_of_the_key() -> None:
    made = ulid(CROSSED_AT, "key")
    assert re.fullmatch(f"[0-7][{CROCKFORD}]{{25}}", made)
    value = 0
    for digit in made:
        value = value * 32 + CROCKFORD.index(digit)
    assert value >> 80 == int(CROSSED_AT.timestamp() * 1000)
    assert ulid(CROSSED_AT, "key") == made
    assert ulid(CROSSED_AT, "other key")[:10] == made[:10]
    assert ulid(CROSSED_AT, "other key") != made


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "alert"},
        {"key": "has.a.dot"},
        {"key": "line\r\nbreak"},
        {"key": ""},
        {"action": "sing"},
        {"action": None},
        {"sequence": 7},
        {"email": ["x"]},
        {"email": "nobody"},
        {"email": "a@b.example\n"},
        {"story": {"account_id": "x" * 201}},
        {"story": {"account_id": ""}},
        {"story": {"account_id": "line\nbreak"}},
        {"story": {"score": Decimal("1e400")}},
    ],
)
def test_what_cannot_be_told_is_rejected(fault, webhook) -> None:
    with pytest.raises(Rejected):
        body_of("generic", webhook(**fault))


def test_a_story_that_cannot_be_read_is_rejected_without_its_values(webhook) -> None:
    message = webhook()
    for story in (None, {}, "Larkspur", {**message.payload["story"], "score": "Larkspur"}):
        with pytest.raises(Rejected) as rejected:
            body_of("generic", Message(message.key, "webhook", {**message.payload, "story": story}))
        assert "Larkspur" not in str(rejected.value)


def _check_bounds(template: str, story: AlertStory) -> None:
    payload = {"endpoint": "app", "action": "signal", "story": story.to_json()}
    body = body_of(template, Message("k", "webhook", payload))
    told = json.loads(body.decode("utf-8", "strict"))
    assert len(body) <= (CUSTOMERIO_LIMIT if template == "customerio" else LARGEST_BODY)
    assert not re.search(r"\\u00[01]", body.decode()), "no control character"
    if template == "intercom":
        assert len(told["event_name"]) <= 255
        assert len(told["metadata"]) <= 20
        for value in told["metadata"].values():
            assert isinstance(value, int | float) or len(value) <= 255


@given(story=STORY, template=st.sampled_from(TEMPLATES))
@settings(max_examples=150, deadline=None)
def test_any_text_makes_valid_json_within_the_limits(story: AlertStory, template: str) -> None:
    _check_bounds(template, story)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("character", ["\U0001f600", '"', "\\", "語", "\u2028"])
def test_the_longest_texts_are_within_the_limits(template: str, character: str) -> None:
    long, id_ = character * 5_000, (character if character.isprintable() else "x") * 200
    contact = realistic_story().contact
    assert contact is not None
    names = "program account_name industry plan country segment tier_reason playbook owner version"
    _check_bounds(
        template,
        realistic_story(
            **dict.fromkeys(names.split(), long),
            account_id=id_,
            handoff_id=id_,
            contact=replace(contact, user_id=id_, name=long, title=long, email_domain=long),
            signals=tuple(signal("s", long, "1", "1", person=long) for _ in range(40)),
            crm_url=f"https://crm.example/{'x' * 5_000}",
        ),
    )
