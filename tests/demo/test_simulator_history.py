"""The history file: its form, its planted faults, its rhythm, and how it comes to be."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.demo.identities import RIVALS, STAFF_DOMAIN, TEST_DOMAIN
from pql_platform.demo.simulator import Chunk, main, simulate, write_history
from pql_platform.demo.transport import DUPLICATE_SHARE, LATE_FROM_MS, LATE_SHARE, MALFORMED_SHARE
from pql_platform.demo.world import build_world, open_run
from pql_platform.errors import PqlError

END = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DAYS = 75
Message = dict[str, Any]


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    return list(simulate(accounts=450, days=DAYS, seed=12, end=END))


@pytest.fixture(scope="module")
def parsed(chunks: list[Chunk]) -> tuple[list[Message], list[bytes]]:
    return parse(b"".join(chunk.lines for chunk in chunks))


@pytest.fixture(scope="module")
def messages(parsed: tuple[list[Message], list[bytes]]) -> list[Message]:
    return parsed[0]


def parse(text: bytes) -> tuple[list[Message], list[bytes]]:
    """Usable messages, and the lines that are none."""
    good, bad = [], []
    for line in text.splitlines():
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            bad.append(line)
            continue
        (good if is_usable(message) else bad).append(message if is_usable(message) else line)
    return good, bad


def is_usable(message: Message) -> bool:
    sender = {"userId", "anonymousId", "groupId"} & message.keys()
    known = message["type"] in {"track", "page", "identify", "group"}
    return bool(sender) and known and isinstance(message["timestamp"], str)


def at(message: Message, field: str = "timestamp") -> datetime:
    return datetime.fromisoformat(message[field])


def group_of(message: Message) -> str | None:
    group: str | None = message.get("groupId") or message["context"].get("groupId")
    return group


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again = (
        b"".join(chunk.lines for chunk in simulate(accounts=230, days=9, seed=4, end=END))
        for _ in range(2)
    )
    assert first == again


def test_another_seed_gives_other_people_and_other_message_ids() -> None:
    one, other = (
        parse(next(simulate(accounts=40, days=9, seed=seed, end=END)).lines)[0] for seed in (4, 5)
    )
    for field in ("messageId", "userId", "anonymousId"):
        assert not {m[field] for m in one if field in m} & {m[field] for m in other if field in m}


def test_every_line_is_counted_once(
    chunks: list[Chunk], parsed: tuple[list[Message], list[bytes]]
) -> None:
    good, bad = parsed
    assert len(bad) == sum(chunk.malformed for chunk in chunks)
    assert len({m["messageId"] for m in good}) == sum(chunk.events for chunk in chunks)
    repeated = len(good) - len({m["messageId"] for m in good})
    assert repeated == sum(chunk.duplicates for chunk in chunks)


def test_faults_come_in_their_planted_shares(
    messages: list[Message], parsed: tuple[list[Message], list[bytes]]
) -> None:
    size = len(messages)
    distinct = {m["messageId"]: m for m in reversed(messages)}
    held = [at(m, "receivedAt") - at(m) for m in distinct.values()]
    late = sum(delay >= timedelta(milliseconds=LATE_FROM_MS) for delay in held)
    assert late / size == pytest.approx(LATE_SHARE, rel=0.15)
    assert timedelta(days=2) < max(held) < timedelta(days=6)
    assert (size - len(distinct)) / size == pytest.approx(DUPLICATE_SHARE, rel=0.25)
    assert len(parsed[1]) / size == pytest.approx(MALFORMED_SHARE, rel=0.5)


def test_every_way_to_spoil_a_line_occurs(parsed: tuple[list[Message], list[bytes]]) -> None:
    ways: Counter[str] = Counter()
    for line in parsed[1]:
        try:
            line.decode()
        except UnicodeDecodeError:
            ways["encoding"] += 1
            continue
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            ways["cut"] += 1
        else:
            named = {"userId", "anonymousId", "groupId"} & message.keys()
            ways["types" if named else "ids"] += 1
    assert set(ways) == {"encoding", "cut", "types", "ids"}


def test_a_repetition_differs_from_its_original_in_nothing_but_the_receipt(
    messages: list[Message],
) -> None:
    seen: dict[str, Message] = {}
    for message in messages:
        original = seen.setdefault(message["messageId"], message)
        assert {**message, "receivedAt": None} == {**original, "receivedAt": None}


def test_nothing_happens_or_is_received_at_or_after_the_end(messages: list[Message]) -> None:
    for message in messages:
        assert END - timedelta(days=DAYS) <= at(message)
        assert at(message) <= at(message, "sentAt") <= at(message, "receivedAt") < END


def test_messages_arrive_out_of_order(messages: list[Message]) -> None:
    times = [at(m) for m in messages]
    assert any(later < earlier for earlier, later in pairwise(times))


def test_anonymous_visits_before_the_sign_up_can_be_linked(messages: list[Message]) -> None:
    identified = {m["anonymousId"]: at(m) for m in messages if m["type"] == "identify"}
    anonymous = [m for m in messages if "userId" not in m and "anonymousId" in m]
    before = {
        m["anonymousId"]
        for m in anonymous
        if m["anonymousId"] in identified and at(m) < identified[m["anonymousId"]]
    }
    users = {m["userId"] for m in messages if m["type"] == "identify"}
    assert len(before) > 0.9 * len(users)
    strangers = {m["anonymousId"] for m in anonymous} - identified.keys()
    assert strangers, "some visitors never sign up"


def test_one_person_uses_several_browsers(messages: list[Message]) -> None:
    browsers = defaultdict(set)
    for message in messages:
        if "userId" in message and "anonymousId" in message:
            browsers[message["userId"]].add(message["anonymousId"])
    assert Counter(map(len, browsers.values())).keys() == {1, 2}


def test_invitations_bring_users(messages: list[Message]) -> None:
    invited: dict[str, list[datetime]] = defaultdict(list)
    users: dict[str, set[str]] = defaultdict(set)
    for message in messages:
        group = group_of(message)
        if group and message.get("event") == "Teammate Invited":
            invited[group].append(at(message))
        if group and "userId" in message:
            users[group].add(message["userId"])
    accepted = [m for m in messages if m.get("event") == "Invite Accepted" and group_of(m)]
    assert len(accepted) > 50
    # The invitation itself may still be under way when the window ends.
    known = [m for m in accepted if group_of(m) in invited]
    assert len(known) > 0.95 * len(accepted)
    prompt = [m for m in known if min(invited[str(group_of(m))]) < at(m)]
    assert len(prompt) > 0.95 * len(known)
    assert max(map(len, users.values())) >= 4


def test_every_kind_of_account_is_there_with_the_right_addresses(
    chunks: list[Chunk], messages: list[Message]
) -> None:
    emails = {m["userId"]: m["traits"]["email"] for m in messages if m["type"] == "identify"}
    domains = defaultdict(set)
    for truth in (one for chunk in chunks for one in chunk.truth):
        domains[truth.kind] |= {emails[user].split("@")[1] for user in truth.users}
    assert domains["competitor"] <= set(RIVALS)
    assert domains["staff"] == {STAFF_DOMAIN}
    assert domains["test"] == {TEST_DOMAIN}
    assert all(domain.endswith((".edu", ".ac.uk")) for domain in domains["student"])
    assert "gmail.com" in domains["personal"]
    assert all(d.endswith(".example") for d in domains["trial_team"] | domains["tyre_kicker"])
    assert len(set(emails.values())) == len(emails)


def test_no_two_companies_share_a_name_even_when_all_names_are_taken() -> None:
    run = open_run(seed=1, accounts=30_000, days=9, end=END)
    worlds = [build_world(run, first) for first in (0, 200, 24_800, 25_000, 25_200)]
    names = [one.traits["name"] for world in worlds for one in world.workplaces if one.company]
    assert len(set(names)) == len(names)
    assert any(name.endswith(" 2") for name in names)


def test_the_truth_names_exactly_the_accounts_of_the_file(
    chunks: list[Chunk], messages: list[Message]
) -> None:
    truth = [one for chunk in chunks for one in chunk.truth]
    assert len({one.account for one in truth}) == 450
    groups = {m["groupId"] for m in messages if m["type"] == "group"}
    assert groups == {one.account for one in truth if one.account.startswith("ws_")}
    users = {m["userId"] for m in messages if "userId" in m}
    assert users == {user for one in truth for user in one.users}


def test_payments_are_known_by_user_by_workspace_or_by_browser_alone(
    chunks: list[Chunk], messages: list[Message]
) -> None:
    payments = {m["messageId"]: m for m in messages if m.get("event") == "Subscription Started"}
    converted = [one for chunk in chunks for one in chunk.truth if one.converts]
    assert {one.converted_at for one in converted} == {at(m) for m in payments.values()}
    forms = Counter(
        tuple(key for key in ("userId", "anonymousId", "groupId") if key in m)
        for m in payments.values()
    )
    assert {("userId", "anonymousId"), ("anonymousId",), ("groupId",)} <= forms.keys()
    linked = {m["anonymousId"] for m in messages if "userId" in m and "anonymousId" in m}
    assert all(m["anonymousId"] in linked for m in payments.values() if "anonymousId" in m)
    assert all(m["properties"]["mrr_usd"] > 0 for m in payments.values())


def test_a_paying_team_goes_on_using_the_product(
    chunks: list[Chunk], messages: list[Message]
) -> None:
    paid_at = {
        one.account: one.converted_at
        for chunk in chunks
        for one in chunk.truth
        if one.converted_at and one.converted_at < END - timedelta(days=7)
    }
    after = {
        group_of(m)
        for m in messages
        if group_of(m) in paid_at and m["type"] == "page" and at(m) > paid_at[str(group_of(m))]
    }
    assert len(after) >= 0.9 * len([one for one in paid_at if one.startswith("ws_")])


def test_people_work_on_weekdays_and_by_day_where_they_live(messages: list[Message]) -> None:
    zones = {
        m["userId"]: ZoneInfo(m["traits"]["timezone"]) for m in messages if m["type"] == "identify"
    }
    assert len({zone.key for zone in zones.values()}) > 8
    local = [
        at(m).astimezone(zones[m["userId"]]) for m in messages if m.get("event") == "Logged In"
    ]
    weekdays = Counter(moment.weekday() for moment in local)
    assert min(weekdays[day] for day in range(5)) > 3 * max(weekdays[5], weekdays[6])
    by_day = sum(7 <= moment.hour < 19 for moment in local)
    assert by_day > 0.85 * len(local)


@settings(max_examples=25, deadline=None)
@given(
    accounts=st.integers(1, 30),
    days=st.integers(1, 12),
    seed=st.integers(0, 2**32),
    hour=st.floats(0, 48),
)
def test_any_size_holds_all_its_accounts_and_stays_inside_its_window(
    accounts: int, days: int, seed: int, hour: float
) -> None:
    end = END + timedelta(hours=hour)
    (chunk,) = simulate(accounts=accounts, days=days, seed=seed, end=end)
    good, bad = parse(chunk.lines)
    assert (len(good), len(bad)) == (chunk.events + chunk.duplicates, chunk.malformed)
    assert len({m["userId"] for m in good if m["type"] == "identify"}) >= accounts
    assert all(end - timedelta(days=days) <= at(m) for m in good)
    assert all(at(m, "receivedAt") < end for m in good)


def test_a_history_file_holds_what_its_summary_says(tmp_path: Path) -> None:
    path, steps = tmp_path / "history.ndjson", []
    summary = write_history(
        path, accounts=230, days=20, seed=1, end=END, progress=lambda done: steps.append(done)
    )
    good, bad = parse(path.read_bytes())
    assert summary.lines == len(good) + len(bad)
    assert summary.malformed == len(bad)
    assert summary.events == len({m["messageId"] for m in good}) == len(good) - summary.duplicates
    assert summary.accounts == sum(steps) == 230
    paid = {m["messageId"] for m in good if m.get("event") == "Subscription Started"}
    assert summary.converted == len(paid)
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_history_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"old\n")

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_history(path, accounts=10, days=5, seed=1, end=END, progress=interrupt)
    assert path.read_bytes() == b"old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_history_for_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PqlError, match="cannot be written"):
        write_history(tmp_path / "no" / "x.ndjson", accounts=1, days=1, seed=1, end=END)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"accounts": 0}, "accounts"),
        ({"days": 0}, "days"),
        ({"days": 10_000}, "days"),
        ({"seed": -1}, "seed"),
        ({"end": END.replace(tzinfo=None)}, "end"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(PqlError) as refusal:
        simulate(**{"accounts": 5, "days": 5, "seed": 1, "end": END, **wrong})
    assert refusal.value.field == field


def test_the_command_writes_the_events_and_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, truth = tmp_path / "events.ndjson", tmp_path / "truth.json"
    size = ["--accounts", "30", "--days", "10", "--seed", "3", "--end", END.isoformat()]
    assert main([*size, "--out", str(out), "--truth", str(truth), "--describe"]) == 0
    printed = capsys.readouterr().out
    assert "30 accounts" in printed
    assert "events/s" in printed
    assert len(orjson.loads(truth.read_bytes())) == 30
    assert main([*size, "--out", str(tmp_path / "no" / "events.ndjson")]) == 1
    assert "cannot be written" in capsys.readouterr().err
