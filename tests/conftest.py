"""One simulated company, built once a session by the demo command, and copies of it to live in.

It is built on a Wednesday afternoon, so that neither a weekend nor midnight changes what is found,
and tests begin minutes later, so that time never runs backwards. Tests of single areas have
fixtures of their own beside them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from sqlalchemy import select

from pql_platform.cli.main import main
from pql_platform.intake.files import take_in_records
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.tables import metadata
from pql_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from pql_platform.passes import PassResult

BUILT_AT = datetime(2026, 3, 4, 15, tzinfo=UTC)
NOW = BUILT_AT + timedelta(minutes=10)
ACCOUNTS, DAYS, SEED = 150, 60, 7

REPOSITORY = Path(__file__).parents[1]
BOARDS = REPOSITORY / "programs" / "boards.yaml"
ENVIRONMENT = ("PQL_", "SLACK_", "HUBSPOT_", "SALESFORCE_", "DAGSTER_")


def load_by_path(name: str, path: Path) -> ModuleType:
    """Import a file as `name`, once; test modules then import it by that name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


fakes = load_by_path("fake_slack", REPOSITORY / "tests" / "fakes" / "fake_slack.py")
load_by_path("alert_stories", REPOSITORY / "tests" / "alert" / "stories.py")
postgres = load_by_path("postgres_server", REPOSITORY / "tests" / "postgres_server.py")
postgres_server = postgres.postgres_server


@dataclass(frozen=True)
class Answer:
    """What one command said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Company:
    """Homes of the simulated company; nobody changes them, tests live in copies."""

    yesterday: Path
    """After the full pass as of a day before `BUILT_AT`, which told nobody."""
    today: Path
    """After the live pass as of `BUILT_AT`, with its alerts."""
    full: PassResult
    live: PassResult
    demo: Answer


def run_pql(*arguments: str | Path) -> Answer:
    """Run the `pql` command in this process; only a defect leaves it as an exception."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pql", *map(str, arguments)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as exit_:
                code = exit_.code
    return Answer(int(str(code or 0)), out.getvalue(), err.getvalue())


def move_in(patch: pytest.MonkeyPatch, home: Path, programs: Path = BOARDS) -> Settings:
    """Point the environment of this process at one installation and nothing else."""
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        patch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        patch.delenv(name, raising=False)
    patch.setenv("PQL_HOME", str(home))
    patch.setenv("PQL_PROGRAMS", str(programs))
    # The platform sets it too; set here, it is put back afterwards.
    patch.setenv("DAGSTER_HOME", str(home / "dagster"))
    return load_settings()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The company, made by `pql demo` and kept at two moments."""
    # Here, for Dagster takes 2 s to import and most folders do without.
    from pql_platform.demo import main_job
    from pql_platform.passes import run_job

    today = tmp_path_factory.mktemp("company") / "today"
    yesterday = today.with_name("yesterday")
    passes: dict[str, PassResult] = {}

    def run_and_keep(settings: Settings, job: str, **options: Any) -> PassResult:
        passes[job] = run_job(settings, job, **options)
        if job == "full_pass":
            _copy(settings.home, yesterday)
        return passes[job]

    with pytest.MonkeyPatch.context() as patch, time_machine.travel(BUILT_AT, tick=True):
        move_in(patch, today)
        patch.setattr(main_job, "run_job", run_and_keep)
        size = ("--accounts", str(ACCOUNTS), "--days", str(DAYS), "--seed", str(SEED))
        demo = run_pql("demo", "--no-serve", *size, "--json")
    assert demo.code == 0, demo.err
    return Company(yesterday, today, passes["full_pass"], passes["live_pass"], demo)


def _copy(source: Path, target: Path) -> Path:
    # SQLMesh's cache is of use to full passes only, and larger than all the rest.
    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("sqlmesh_cache")))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """This process at `NOW`; `clock.shift(timedelta)` moves it."""
    with time_machine.travel(NOW, tick=True) as traveller:
        yield traveller


@pytest.fixture
def today(
    company: Company, clock: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A copy of the company after its live pass, at `NOW`."""
    return move_in(monkeypatch, _copy(company.today, tmp_path / "home"))


@pytest.fixture
def yesterday(
    company: Company, clock: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A copy of the company as the silent pass of yesterday left it, at `NOW`."""
    return move_in(monkeypatch, _copy(company.yesterday, tmp_path / "home"))


def forget_runs(patch: pytest.MonkeyPatch) -> None:
    """Have Dagster keep its runs in memory: nobody looks at them, and files take 1.5 s a pass."""
    import dagster as dg

    from pql_platform import passes

    def instance(_: Settings) -> dg.DagsterInstance:
        return dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})

    patch.setattr(passes, "open_instance", instance)


@pytest.fixture
def runs_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes of this process leave no runs behind."""
    forget_runs(monkeypatch)


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation in which nothing has happened yet."""
    settings = move_in(monkeypatch, tmp_path / "home")
    settings.prepare_home()
    return settings


@pytest.fixture
def pql() -> Callable[..., Answer]:
    """Runs the `pql` command in this process."""
    return run_pql


@pytest.fixture(scope="session")
def kit_of_commands() -> Callable[..., contextlib.AbstractContextManager[Callable[..., Answer]]]:
    """Lends the `pql` command for longer than a test: `with kit_of_commands(home, programs)`."""

    @contextlib.contextmanager
    def lend(home: Path, programs: Path) -> Iterator[Callable[..., Answer]]:
        with pytest.MonkeyPatch.context() as patch:
            move_in(patch, home, programs)
            forget_runs(patch)
            yield run_pql

    return lend


@pytest.fixture
def slack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A fake Slack that the environment points at."""
    with fakes.running_fake_slack(tmp_path) as running:
        monkeypatch.setenv("SLACK_BOT_TOKEN", running.token)
        monkeypatch.setenv("SLACK_BASE_URL", running.base_url)
        yield running


@pytest.fixture
def ledger() -> Callable[[Settings], dict[str, list[tuple[Any, ...]]]]:
    """Reads every row of every table of the ledger."""

    def read(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
        engine = open_ledger(settings.ledger_url)
        with reading(engine) as conn:
            rows = {
                table.name: [tuple(row) for row in conn.execute(select(table))]
                for table in metadata.sorted_tables
            }
        engine.dispose()
        return rows

    return read


@pytest.fixture
def crossing_session() -> Callable[..., Path]:
    """Puts a week of hard work of one account into the inbox, known only now: it crosses.

    One person alone cannot score more than 75; with a colleague they reach 100.
    """

    def write(
        settings: Settings,
        account: str = "ws_crossing",
        employees: int = 800,
        colleague: bool = False,
    ) -> Path:
        now = datetime.now(UTC)
        messages = list(_team_project(account, employees, now, colleague))
        [path] = take_in_records(messages, settings.inbox, now=now, label="session").files
        return path

    return write


def _team_project(
    account: str, employees: int, now: datetime, colleague: bool
) -> Iterator[dict[str, Any]]:
    """An account whose one person reaches full points in every signal of the program."""
    person = f"{account}_person"
    work = ("Board Created", "Board Shared", "Teammate Invited", "Integration Connected")

    def message(number: int, at: datetime, **content: Any) -> dict[str, Any]:
        return {
            "messageId": f"{account}-{now.timestamp():.6f}-{number}",
            "userId": person,
            "timestamp": at.isoformat(),
            "receivedAt": now.isoformat(),
            "context": {"groupId": account},
            **content,
        }

    yield message(
        0,
        now - timedelta(days=5),
        type="identify",
        traits={"email": "ada@crossing.example", "name": "Ada Moreau", "title": "Head of IT"},
    )
    yield message(
        1,
        now - timedelta(days=5),
        type="group",
        groupId=account,
        traits={
            "name": "Crossing Works",
            "employees": employees,
            "plan": "trial",
            "country": "FR",
        },
    )
    events = [(event, day) for day in range(5) for event in (*work, "Board Limit Reached")]
    for number, (event, day) in enumerate(events, start=2):
        at = now - timedelta(days=day, seconds=5 * number)
        yield message(number, at, type="track", event=event)
    if colleague:
        shared = message(99, now - timedelta(hours=1), type="track", event="Board Shared")
        yield {**shared, "userId": f"{account}_colleague"}
        joined = message(98, now - timedelta(hours=1), type="track", event="Board Created")
        yield {**joined, "userId": f"{account}_colleague"}


@dataclass(frozen=True)
class OtherProcess:
    """A Python process of its own, in the environment of this one but not at its moment."""

    process: subprocess.Popen[str]

    def finish(self) -> tuple[int, str, str]:
        """Wait for its end; return exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=90)
        return self.process.returncode, out, err


@pytest.fixture
def start() -> Iterator[Callable[..., OtherProcess]]:
    """Starts Python processes; those still running at the end are killed."""
    running: list[OtherProcess] = []

    def begin(*arguments: str | Path, **options: Any) -> OtherProcess:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{"cwd": REPOSITORY, **options},
        )
        running.append(OtherProcess(process))
        return running[-1]

    yield begin
    for other in running:
        if other.process.poll() is None:
            other.process.kill()
        with other.process:
            pass
