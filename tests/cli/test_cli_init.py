"""`pql init`: from loaded events to a program file, with and without somebody to ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pql_platform.cli.init import init
from pql_platform.demo.simulator import write_history
from pql_platform.errors import PqlError
from pql_platform.intake.files import take_in
from pql_platform.program.load import load_program
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox

END = datetime(2026, 3, 4, 15, tzinfo=UTC)
PURCHASE = "Subscription Started"


def run(*arguments: str | Path, answers: str = "") -> Any:
    app = typer.Typer()
    app.command()(init)
    result = CliRunner().invoke(app, [*map(str, arguments)], input=answers, catch_exceptions=True)
    if isinstance(result.exception, PqlError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home into which events of a product were loaded, and nothing was ever computed."""
    home = tmp_path_factory.mktemp("product") / "home"
    settings = Settings(PQL_HOME=home, PQL_PROGRAMS=home / "programs")
    settings.prepare_home()
    events = home / "events.ndjson"
    write_history(events, accounts=400, days=150, seed=5, end=END)
    take_in(events, settings.inbox, now=END)
    events.unlink()
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, END)
    return home


@pytest.fixture
def here(product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The product's home in use, with a folder for programs in which there is none yet."""
    folder = tmp_path / "programs"
    monkeypatch.setenv("PQL_HOME", str(product))
    monkeypatch.setenv("PQL_PROGRAMS", str(folder))
    yield folder


def test_every_proposal_accepted_gives_a_program_that_loads_and_tells_nobody(here: Path) -> None:
    answer = json.loads(run("--json").stdout)
    loaded = load_program(here / "starter.yaml")
    program = loaded.program
    assert answer["file"] == str(here / "starter.yaml")
    assert answer["conversion"] == program.conversion.event == PURCHASE
    assert program.rollout.stage == "shadow"
    assert 2 <= len(program.signals) <= 5
    assert len({signal.category for signal in program.signals}) >= 2
    assert not {signal.event for signal in program.signals} & {"Logged In", PURCHASE}
    assert sum(answer["points"].values()) == sum(answer["weights"].values()) == 100
    assert 0 < answer["qualified"] < answer["population"]
    assert program.threshold.capacity_per_day == answer["capacity_per_day"] >= 1
    assert [risk["leads_per_day"] for risk in answer["queue"]] == sorted(
        (risk["leads_per_day"] for risk in answer["queue"]), reverse=True
    )
    text = loaded.path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert all(one["evidence"].split(". ")[0][:40] in text for one in answer["signals"])

    with pytest.raises(PqlError, match="is there already, and is not overwritten"):
        run("--yes")
    with pytest.raises(PqlError, match="There is a program called starter already"):
        run("--yes", "--out", here / "another.yaml")


def test_a_person_is_asked_five_times_and_refused_what_must_not_be(here: Path) -> None:
    answers = [
        "Subscription Strated",  # a slip of the pen is asked again
        PURCHASE,
        "0",
        "Logged In",  # vanity is refused, and asked again
        "Integration Connected:viral>=4, Teammate Invited",
        "7",
        "",
        "hunters",
    ]
    result = run("--name", "asked", answers="\n".join([*answers, ""]))
    said = " ".join(result.output.split())
    assert "Subscription Strated never occurs in the data. Did you mean" in said
    assert "is a vanity threshold" in said
    program = load_program(here / "asked.yaml").program
    assert program.aha is None
    assert [(one.event, one.category, one.threshold) for one in program.signals] == [
        ("Integration Connected", "viral", 4),
        ("Teammate Invited", "viral", program.signals[1].threshold),
        (None, "frequency", 4),
    ]
    assert program.threshold.capacity_per_day == 7
    assert program.routing[-1].owner == "hunters"


def test_a_refused_signal_is_taken_by_force_with_the_reason_in_the_file(here: Path) -> None:
    chosen = ("--yes", "--signal", "Logged In>=5", "--signal", "Board Shared", "--name", "forced")
    with pytest.raises(PqlError, match=r"Logged In is a vanity threshold.*--force --why TEXT"):
        run(*chosen)
    with pytest.raises(PqlError, match="A forced signal needs a reason"):
        run(*chosen, "--force")
    assert not (here / "forced.yaml").exists()
    run(*chosen, "--force", "--why", "the board wants it")
    text = " ".join((here / "forced.yaml").read_text("utf-8").replace("#", " ").split())
    assert "FORCED although it was refused: Logged In is a vanity threshold" in text
    assert "Why all the same: the board wants it" in text
    first = load_program(here / "forced.yaml").program.signals[0]
    assert (first.event, first.threshold) == ("Logged In", 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--conversion", "Subscription Startd"), "Did you mean `Subscription Started`"),
        (("--signal", PURCHASE), "the purchase itself"),
        (("--signal", "Board Crated"), "Did you mean `Board Created`"),
        (("--out", "program.txt"), "Program files end in .yaml"),
        (("--name", "Not A Name"), "is no name for a program"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    here: Path, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(PqlError) as refused:
        run("--yes", *arguments)
    assert said in str(refused.value)
    assert not here.exists()


def test_nobody_to_answer_is_said_and_nothing_is_written(here: Path) -> None:
    with pytest.raises(PqlError, match=r"No answer came.*--yes"):
        run(answers="")
    assert not here.exists()


def test_without_events_it_says_where_they_come_from(new_home: Settings, tmp_path: Path) -> None:
    with pytest.raises(PqlError, match=r"no events yet\. Load some with `pql ingest FILE`"):
        run("--yes", "--out", tmp_path / "starter.yaml")


def test_nothing_of_production_is_deployed_or_changed(product: Path, here: Path) -> None:
    settings = Settings(PQL_HOME=product, PQL_PROGRAMS=here)
    with open_warehouse(settings) as connection:
        assert connection.execute("SELECT COUNT(*) FROM ops.models").fetchone() == (0,)
        tables = connection.execute("SELECT DISTINCT schema_name FROM duckdb_tables()").fetchall()
    assert {name for (name,) in tables} == {"raw", "ops"}
