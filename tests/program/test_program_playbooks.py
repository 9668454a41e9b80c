"""Next actions, the tools that are told, routes by level, reps of a pilot: taken or refused."""

from __future__ import annotations

import json

import pytest

from pql_platform.errors import PqlError
from pql_platform.program.load import digest, load_programs, program_text
from pql_platform.program.schema import Program

BOOKS = "playbooks: {user: product_specialist, account: ae_call, tier3: nurture}"
URL = "https://hooks.vendor.example/pql"


def hook(
    changes: str = "", url: str = URL, playbooks: str = "[nurture]", name: str = "mail"
) -> str:
    return f"{BOOKS}\nwebhooks:\n  {name}: {{url: {url!r}, playbooks: {playbooks}{changes}}}"


def books(user: str) -> tuple[str, str]:
    return "user: product_specialist", f"user: {user}"


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("ae_call", ("ae_call",)),
        ("[ae_call]", ("ae_call",)),
        ("ae_call + in_app_prompt", ("ae_call", "in_app_prompt")),
        ("ae_call+in_app_prompt", ("ae_call", "in_app_prompt")),
        ("[ae_call, in_app_prompt]", ("ae_call", "in_app_prompt")),
        ("[ae_call, ae_call]", ("ae_call",)),
        ("[a, b, c, d]", ("a", "b", "c", "d")),
        ("[a + b, c]", ("a", "b", "c")),
    ],
)
def test_a_playbook_is_one_action_or_several(edited, written, parts) -> None:
    program = edited(books(f"{written if written[0] == '[' else repr(written)}")).program
    assert program.playbook("user", 1) == parts
    assert program.playbook("account", 1) == ("ae_call",)
    assert program.playbook("user", 3) == program.playbook("account", 3) == ("nurture",)
    again = Program.model_validate(json.loads(program_text(program)))
    assert again == program
    assert digest(again) == digest(program)


def test_one_action_is_the_same_program_in_a_list_and_without(edited) -> None:
    assert edited(books("[product_specialist]")).digest == edited().digest


@pytest.mark.parametrize(
    ("written", "field", "message", "hint"),
    [
        ("[]", "playbooks.user", "0 entries", "at least 1"),
        ("[a, b, c, d, e]", "playbooks.user", "5 entries", "at most 4"),
        ("null", "playbooks.user", "is no playbook", "[NAME, NAME]"),
        ("5", "playbooks.user", "is no playbook", "[NAME, NAME]"),
        ("{ae_call: 1}", "playbooks.user", "is no playbook", "[NAME, NAME]"),
        ("[1]", "playbooks.user[0]", "should be text", "quotes"),
        ("'a +'", "playbooks.user[1]", "at least 1", "Write something"),
        ("['']", "playbooks.user[0]", "at least 1", "Write something"),
        ('"a\\nb"', "playbooks.user[0]", "control", "Remove"),
        ("[" + "a" * 201 + "]", "playbooks.user[0]", "at most 200", "200"),
    ],
)
def test_what_is_no_playbook_is_refused_where_it_stands(
    edited, written, field, message, hint
) -> None:
    with pytest.raises(PqlError) as refused:
        edited(books(written))
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert hint in error.hint


def test_a_trigger_without_a_playbook_is_refused(edited) -> None:
    for level in ("user: product_specialist, ", "account: ae_call, "):
        with pytest.raises(PqlError, match="would lead to no next action"):
            edited((level, ""))


def test_a_webhook_is_taken_with_its_defaults_and_kept(edited) -> None:
    program = edited((BOOKS, hook())).program
    mail = program.webhooks["mail"]
    assert (mail.template, mail.action, mail.playbooks) == ("generic", "signal", ("nurture",))
    assert Program.model_validate(json.loads(program_text(program))) == program
    assert edited((BOOKS, hook())).digest != edited().digest


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.vendor.example/pql",
        "https://localhost/pql",
        "https://LOCALHOST./pql",
        "https://a.localhost/pql",
        "https://127.0.0.1/pql",
        "https://10.1.2.3/pql",
        "https://[::1]/pql",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/pql",
        "https://user:s3cret@hooks.vendor.example/pql",
        "ftp://hooks.vendor.example/pql",
        "hooks.vendor.example/pql",
        "https:///pql",
        "https://hooks.vendor.example/" + "a" * 2000,
        "",
    ],
)
def test_a_tool_inside_the_own_network_or_without_https_is_refused(edited, url) -> None:
    with pytest.raises(PqlError) as refused:
        edited((BOOKS, hook(url=url)))
    assert refused.value.field == "webhooks.mail.url"
    assert refused.value.hint == "Write https://HOST/PATH"
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "field", "message", "hint"),
    [
        (hook(", tmplate: generic"), "webhooks.mail.tmplate", "unknown key", "`template`"),
        (hook(", template: zapier"), "webhooks.mail.template", "not one of", "intercom"),
        (hook(", action: email"), "webhooks.mail.action", "not one of", "email_sequence"),
        (hook(playbooks="[nurtur]"), "webhooks.mail.playbooks[0]", "no level or tier",
         "`nurture`"),
        (hook(playbooks="[nurture, x]"), "webhooks.mail.playbooks[1]", "no level or tier",
         "ae_call"),
        (hook(playbooks="[]"), "webhooks.mail.playbooks", "0 entries", "at least 1"),
        (hook(playbooks="nurture"), "webhooks.mail.playbooks", "should be a list", "[one, two]"),
        (hook(name="Mail"), "webhooks.Mail", "at most 14", "lifecycle"),
        (hook(name="m" * 15), "webhooks." + "m" * 15, "at most 14", "lifecycle"),
        (f"{BOOKS}\nwebhooks: {{mail: {{url: '{URL}'}}}}", "webhooks.mail.playbooks", "missing",
         "Add `playbooks:`"),
        (f"{BOOKS}\nwebhooks: {{mail: '{URL}'}}", "webhooks.mail", "mapping of keys", "{key:"),
        (f"{BOOKS}\nwebhooks: [mail]", "webhooks", "mapping of keys", "{key: value}"),
        (f"{BOOKS}\nwebhooks: {{"
         + ", ".join(f"m{n}: {{url: '{URL}', playbooks: [nurture]}}" for n in range(21)) + "}",
         "webhooks", "21 entries", "at most 20"),
    ],
)  # fmt: skip
def test_a_webhook_that_cannot_be_is_refused_where_it_stands(
    edited, text, field, message, hint
) -> None:
    with pytest.raises(PqlError) as refused:
        edited((BOOKS, text))
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert error.hint
    assert hint in error.hint


def test_two_programs_may_share_a_tool_but_not_a_name_for_two(tmp_path, boards_text) -> None:
    def write(name: str, url: str) -> None:
        text = boards_text.replace("program: boards", f"program: {name}").replace(
            BOOKS, hook(url=url)
        )
        (tmp_path / f"{name}.yaml").write_text(text)

    write("boards", URL)
    write("docs", URL)
    assert len(load_programs(tmp_path)) == 2
    write("docs", URL + "2")
    with pytest.raises(PqlError, match="`mail` is another tool in") as refused:
        load_programs(tmp_path)
    assert refused.value.field == "webhooks.mail"
    assert refused.value.file == str(tmp_path / "docs.yaml")


FIRST = "  - {segment: enterprise, region: EMEA, owner: ae.emea}\n"
LAST = "  - {otherwise: true, owner: inside-sales}\n"
USERS = "  - {level: user, owner: specialist}\n"


def test_users_go_to_a_specialist_and_accounts_elsewhere(edited) -> None:
    routing = edited((LAST, "  - {level: user, segment: smb, owner: specialist}\n" + LAST))
    assert routing.program.routing[-2].conditions == {("level", "user"), ("segment", "smb")}
    all_users = edited((FIRST, USERS.replace("level: user", "level: user, region: EMEA, "
                        "segment: enterprise") + FIRST))  # fmt: skip
    assert all_users.program.routing[0].level == "user"


@pytest.mark.parametrize(
    ("change", "field", "message", "hint"),
    [
        ((LAST, USERS * 2 + LAST), "routing[5]", "overlaps routing[0]: both", "level: user"),
        ((FIRST, USERS + FIRST), "routing[1]", "level: user, region: EMEA, segment: enterprise",
         "Add a route {level: user, region: EMEA, segment: enterprise, owner: NAME} above both"),
        ((FIRST, FIRST + FIRST.replace("{", "{level: user, ")), "routing[1]",
         "which takes all its leads", "Move it above routing[0]"),
        ((LAST, "  - {level: usr, owner: x}\n" + LAST), "routing[5].level", "not one of",
         "`user`"),
        ((LAST, LAST.replace("{", "{level: user, ")), "routing[5]", "otherwise has conditions",
         "Remove"),
    ],
)  # fmt: skip
def test_routes_by_level_that_overlap_or_are_never_reached_are_refused(
    edited, change, field, message, hint
) -> None:
    with pytest.raises(PqlError) as refused:
        edited(change)
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("old", "new", "field", "hint"),
    [
        ("cooldown_days: 14", "cooldown_days: 14, alerts_per_hour: 0",
         "threshold.alerts_per_hour", "1 or more"),
        ("cooldown_days: 14", "cooldown_days: 14, alerts_per_hour: 1001",
         "threshold.alerts_per_hour", "1000 or less"),
        ("cooldown_days: 14", "cooldown_days: 14, alerts_per_hour: 2.5",
         "threshold.alerts_per_hour", "digits"),
        ("stage: live", "stage: pilot, reps: ann", "rollout.reps", "[one, two]"),
        ("stage: live", "stage: pilot, reps: ['']", "rollout.reps[0]", "Write something"),
        ("stage: live", "stage: pilot, reps: [1]", "rollout.reps[0]", "quotes"),
        ("stage: live", "stage: pilot, rep: [ann]", "rollout.rep", "`reps`"),
    ],
)  # fmt: skip
def test_limits_and_reps_that_cannot_be_are_refused(edited, old, new, field, hint) -> None:
    with pytest.raises(PqlError) as refused:
        edited((old, new))
    assert refused.value.field == field
    assert hint in refused.value.hint


def test_the_limits_of_alerts_and_the_reps_of_a_pilot_are_kept(edited) -> None:
    program = edited(
        ("cooldown_days: 14", "cooldown_days: 14, alerts_per_hour: 20"),
        ("stage: live", "stage: pilot, reps: [ann, bo]"),
    ).program
    assert program.threshold.alerts_per_hour == 20
    assert program.rollout.reps == ("ann", "bo")
    assert edited().program.threshold.alerts_per_hour == 100
    assert edited().program.rollout.reps == ()
