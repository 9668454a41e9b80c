"""`pql diff`: what people, machines and pull requests read of a changed program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pql_platform.cli.diff import diff
from pql_platform.cli.diff_words import MARKER
from pql_platform.errors import PqlError
from pql_platform.settings import Settings

BOARDS = Path(__file__).parents[2] / "programs" / "boards.yaml"


def run(*arguments: str | Path) -> str:
    app = typer.Typer()
    app.command()(diff)
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=True)
    if isinstance(result.exception, PqlError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def bolder(tmp_path: Path) -> Path:
    """The demo's program with a lower bar and another competitor."""
    text = BOARDS.read_text(encoding="utf-8")
    for old, new in (
        ("enter: auto", "enter: 30"),
        ("paperwall.io]", "paperwall.io, '@disposable']"),
        ("owner: inside-sales", "owner: '[bold] | @sally `x`'"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "boards.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_data_it_says_what_changed_and_that_nothing_was_measured(
    new_home: Settings, bolder: Path
) -> None:
    answer = json.loads(run(BOARDS, bolder, "--json"))
    assert answer["measured"] is False
    [program] = answer["programs"]
    assert program["effect"] is None
    assert {change["key"]: change["after"] for change in program["changes"]} == {
        "threshold.enter": "30",
        "routing.otherwise": "[bold] | @sally `x`",
        "lists.competitors": "@disposable",
    }
    assert not new_home.warehouse.exists()
    said = " ".join(run(BOARDS, bolder).split())
    assert "threshold.enter: auto -> 30" in said
    assert "routing.otherwise: inside-sales -> [bold] | @sally `x`" in said
    assert "Must approve: growth@ for process, product@ for signals, sales@ for response." in said
    assert "There is no data here" in said


def test_with_data_people_and_machines_learn_whom_it_concerns(
    today: Settings, bolder: Path
) -> None:
    answer = json.loads(run(BOARDS, bolder, "--json"))
    [program] = answer["programs"]
    effect = program["effect"]
    assert answer["measured"] is True
    assert effect["gained"]["accounts"] > 0 == effect["lost"]["accounts"]
    assert effect["head"]["accounts"] - effect["base"]["accounts"] == effect["gained"]["accounts"]
    assert effect["dates"][-1] == "2026-03-04T15:00:00Z"
    said = run(BOARDS, bolder)
    assert effect["gained"]["first_ids"][0] in said
    assert "[bold] | @sally" in said


def test_a_comment_quotes_what_a_file_says_as_code_and_nothing_else(
    new_home: Settings, bolder: Path
) -> None:
    comment = run(BOARDS, bolder, "--markdown")
    assert comment.startswith(f"{MARKER}\n")
    outside_code = re.sub(r"`[^`\n]*`", "", comment)
    assert "@" not in outside_code
    assert "[bold]" not in outside_code
    rows = [line for line in comment.splitlines() if line.startswith("| `")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


def test_programs_that_say_the_same_are_said_to(new_home: Settings) -> None:
    assert run(BOARDS, BOARDS) == "The programs say the same.\n"
    assert json.loads(run(BOARDS, BOARDS, "--json"))["programs"] == []
    assert "The programs say the same." in run(BOARDS, BOARDS, "--markdown")


def test_codeowners_are_printed_for_the_programs_in_use(
    new_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BOARDS.parents[1])
    owners = ("growth@=@acme/growth", "product@=@acme/product", "sales@=@acme/sales")
    handles: list[Any] = [part for owner in owners for part in ("--handle", owner)]
    assert run("--codeowners", *handles).splitlines()[1:] == [
        "/programs/boards.yaml @acme/growth @acme/product @acme/sales"
    ]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "Give BASE and HEAD"),
        ((BOARDS,), "Give BASE and HEAD"),
        ((BOARDS, BOARDS.with_name("bords.yaml")), "Did you mean `boards.yaml`"),
        (("--codeowners", "--handle", "growth@"), "OWNER=@TEAM"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    new_home: Settings, arguments: tuple[Any, ...], hint: str
) -> None:
    with pytest.raises(PqlError, match=hint):
        run(*arguments)


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    """The workflow that posts the comment, as plain data."""
    text = (BOARDS.parents[1] / ".github" / "workflows" / "program-diff.yml").read_text("utf-8")
    return dict(YAML(typ="safe").load(text))


def test_the_workflow_may_do_no_more_than_read_and_comment(action: dict[str, Any]) -> None:
    assert action["on"] == {"pull_request": {"paths": ["programs/*.yaml"]}}
    assert action["permissions"] == {}
    assert {name: job["permissions"] for name, job in action["jobs"].items()} == {
        "compare": {"contents": "read", "actions": "read"},
        "comment": {"pull-requests": "write"},
    }
    assert "secrets." not in json.dumps(action)


def test_the_workflow_pins_every_action_and_runs_no_code_of_the_pull_request(
    action: dict[str, Any],
) -> None:
    steps = [step for job in action["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert len(used) == 7
    assert all(re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}", name) for name in used)
    scripts = [step["run"] for step in steps if "run" in step]
    # What somebody else can name is handed over in the environment and never written into a script.
    assert not any("${{" in script for script in scripts)
    assert not any(re.search(r"make -C head|head/\.venv|cd head", script) for script in scripts)


def test_the_workflow_finds_its_own_comment_again(action: dict[str, Any]) -> None:
    script = action["jobs"]["comment"]["steps"][-1]["with"]["script"]
    assert f'startsWith("{MARKER}")' in script
