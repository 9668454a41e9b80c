"""Whatever a user gets wrong: one line that says what to do, exit code 1, and nothing lost."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pql_platform.serve import HOST, free_port
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import waiting_files

LINE = json.dumps(
    {
        "messageId": "m1",
        "type": "track",
        "event": "Board Created",
        "userId": "ada",
        "timestamp": "2026-03-04T12:00:00Z",
    }
).encode()

HOLD_THE_WAREHOUSE = """
import sys
from pathlib import Path
from pql_platform.warehouse.connection import warehouse_lock
with warehouse_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def refused(answer: Any) -> str:
    """The one line of a refusal, without its prefix."""
    assert answer.code == 1
    assert answer.out == ""
    [line] = answer.err.splitlines()
    assert line.startswith("pql: ")
    assert "Traceback" not in line
    return str(line.removeprefix("pql: "))


def half_a_gzip(path: Path) -> None:
    whole = gzip.compress(b"".join(LINE + b"\n" for _ in range(500)))
    path.write_bytes(whole[: len(whole) // 2])


FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing file": ("no.ndjson", lambda path: None, "there is no such file. Check the path"),
    "empty file": ("empty.ndjson", Path.touch, "is empty. Check what writes it"),
    "half-written gzip": ("half.ndjson.gz", half_a_gzip, "ends in the middle"),
    "half-written parquet": (
        "half.parquet",
        lambda path: path.write_bytes(b"PAR1\x15\x04\x15\x10" * 40),
        "Parquet",
    ),
    "binary garbage": (
        "garbage.ndjson",
        lambda path: path.write_bytes(bytes(range(256)) * 64),
        "looks like binary data, not like events",
    ),
    "wrong encoding": (
        "utf16.ndjson",
        lambda path: path.write_text(LINE.decode(), encoding="utf-16"),
        "is UTF-16 text, events must be UTF-8. Convert it with iconv",
    ),
    "old encoding": (
        "latin1.ndjson",
        lambda path: path.write_bytes(LINE.replace(b"ada", "ad\xe9".encode("latin-1"))),
        "is Latin-1 or Windows-1252 text",
    ),
    "folder without events": ("folder", Path.mkdir, "holds no event files"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_taken_in_is_refused_by_name(
    case: str, new_home: Settings, pql: Any, belongings: Any, tmp_path: Path
) -> None:
    name, make, said = FILES[case]
    path = tmp_path / name
    make(path)
    before = belongings(new_home)
    line = refused(pql("ingest", path))
    assert line.startswith(f"{path}: ")
    assert said in line
    assert belongings(new_home) == before == ([], [], 0)


def test_one_bad_file_among_good_ones_names_itself_and_the_rest_waits(
    new_home: Settings, pql: Any, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.ndjson", tmp_path / "bad.ndjson"
    good.write_bytes(LINE + b"\n")
    bad.touch()
    assert "bad.ndjson" in refused(pql("ingest", good, bad))
    answer = pql("ingest", good, "--json").json
    assert answer["stored"] + answer["duplicates"] == 1
    with open_warehouse(new_home) as connection:
        assert connection.execute("SELECT message_id FROM raw.events").fetchall() == [("m1",)]


def test_a_bad_line_goes_to_quarantine_while_the_rest_loads(
    new_home: Settings, pql: Any, tmp_path: Path
) -> None:
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(LINE + b"\n" + LINE + b"\n{not json\n" + LINE[:40])
    answer = pql("ingest", path, "--json").json
    assert answer == {"accepted": 4, "stored": 1, "duplicates": 1, "quarantined": 2}
    with open_warehouse(new_home) as connection:
        rows = connection.execute(
            "SELECT file, byte_offset, reason FROM raw.quarantine ORDER BY byte_offset"
        ).fetchall()
    first = 2 * (len(LINE) + 1)
    assert [row[:2] for row in rows] == [("mixed.ndjson", first), ("mixed.ndjson", first + 10)]
    assert all(reason.startswith("not_json") for _, _, reason in rows)


def test_an_unknown_source_is_refused_with_those_that_are_known(
    new_home: Settings, pql: Any, belongings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINE)
    line = refused(pql("ingest", path, "--source", "segmnt"))
    assert line == "source: 'segmnt' is not a known source. Did you mean segment?"
    assert belongings(new_home) == ([], [], 0)


def test_an_unknown_program_is_refused_with_the_one_that_was_meant(
    today: Settings,
    pql: Any,
    belongings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = belongings(today)
    missing = today.programs.with_name("bords.yaml")
    monkeypatch.setenv("PQL_PROGRAMS", str(missing))
    line = refused(pql("run"))
    assert line == f"{missing}: no such program file or folder. Did you mean `boards.yaml`?"
    assert belongings(today) == before
    # The past is judged by the programs of then, which the versions keep.
    assert pql("scores", "--as-of", "2026-03-03T00:00:00Z", "--json").code == 0


def test_a_program_that_names_an_event_that_never_occurs_is_refused_at_its_line(
    today: Settings, pql: Any, belongings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = belongings(today)
    program = tmp_path / "boards.yaml"
    text = today.programs.read_text(encoding="utf-8")
    program.write_text(text.replace("event: Teammate Invited", "event: Teammate Invitd"))
    monkeypatch.setenv("PQL_PROGRAMS", str(program))
    line = refused(pql("run"))
    number = 1 + program.read_text().splitlines().index("    event: Teammate Invitd")
    assert line.startswith(f"{program}:{number}: ")
    assert "event `Teammate Invitd` never occurs in the data" in line
    assert "Did you mean `Teammate Invited`?" in line
    assert belongings(today) == before


def test_a_home_below_a_file_cannot_be_written_and_says_which_variable_to_set(
    pql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    events = tmp_path / "events.ndjson"
    events.write_bytes(LINE)
    monkeypatch.setenv("PQL_HOME", str(tmp_path / "file" / "home"))
    for command in (["ingest", events], ["run"], ["doctor"], ["handoffs"]):
        line = refused(pql(*command))
        assert line.startswith("PQL_HOME: ")
        assert "is not writable" in line
        assert "Set PQL_HOME to a folder that you may write to" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_home_without_permission_cannot_be_written(
    pql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    monkeypatch.setenv("PQL_HOME", str(home))
    assert "is not writable" in refused(pql("run"))


@pytest.mark.parametrize("command", [["run"], ["scores"], ["explain", "ada"]])
def test_a_question_before_any_events_says_how_to_begin(
    command: list[str], new_home: Settings, pql: Any
) -> None:
    assert "pql ingest FILE" in refused(pql(*command))


def test_the_demo_does_not_mix_its_product_with_somebodys_data(
    today: Settings, pql: Any, belongings: Any
) -> None:
    (today.home / "demo.json").unlink()
    before = belongings(today)
    line = refused(pql("demo", "--no-serve", "--accounts", "20", "--days", "7"))
    assert "holds data of its own" in line
    assert belongings(today) == before


def test_another_run_in_progress_is_named_and_what_was_given_waits(
    today: Settings,
    pql: Any,
    start: Any,
    belongings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINE)
    _, kept, rows = belongings(today)
    other = start("-c", HOLD_THE_WAREHOUSE, today.home)
    assert other.process.stdout.readline() == "held\n"
    impatient = partial(open_warehouse, wait_seconds=0.2)
    for module in ("cli.ingest", "cli.run", "answers.explanation"):
        monkeypatch.setattr(f"pql_platform.{module}.open_warehouse", impatient)
    for command in (["ingest", path], ["run"], ["explain", "nobody"]):
        line = refused(pql(*command))
        assert f"Another run is in progress (process {other.process.pid})" in line
        assert "nothing was lost" in line
    # What is asked of the published copy waits for nobody.
    assert pql("scores", "--json").code == 0
    other.finish()
    assert len(waiting_files(today)) == 1
    # The same file once more: its records are known to wait already.
    answer = pql("ingest", path, "--json").json
    assert answer["stored"] + answer["duplicates"] == 1
    waiting, kept_now, rows_now = belongings(today)
    assert (waiting, len(kept_now), rows_now) == ([], len(kept) + 2, rows + 1)


def test_an_unknown_id_is_refused_with_the_one_that_was_meant(
    today: Settings, pql: Any, belongings: Any
) -> None:
    before = belongings(today)
    known = pql("scores", "--level", "account", "--json").json[0]["id"]
    line = refused(pql("explain", known[:-1]))
    assert line.startswith(f"There is no user or account '{known[:-1]}'. Did you mean")
    assert "List them with `pql scores`" in refused(pql("explain", "entirely else"))
    assert belongings(today) == before


def test_a_contact_with_an_unknown_lead_is_refused(today: Settings, pql: Any) -> None:
    assert "h-nobody" in refused(pql("contacted", "h-nobody", "--by", "ada"))


@pytest.mark.parametrize("command", [["run"], ["scores"], ["explain", "anybody"]])
@pytest.mark.parametrize("as_of", ["yesterday", "2026-13-01", "03/04/2026"])
def test_an_as_of_that_is_no_instant_is_refused_with_one_that_is(
    command: list[str], as_of: str, new_home: Settings, pql: Any
) -> None:
    line = refused(pql(*command, "--as-of", as_of))
    assert line == f"as_of: '{as_of}' is not an instant. Write 2026-07-01T00:00:00Z"


def test_a_time_before_the_first_event_is_refused(today: Settings, pql: Any) -> None:
    line = refused(pql("scores", "--as-of", "2020-01-01T00:00:00Z"))
    assert line.startswith("as_of: Nothing had been received by 2020-01-01")
    known = pql("scores", "--json").json[0]["id"]
    assert "was not known at" in refused(pql("explain", known, "--as-of", "2020-01-01"))


@pytest.mark.parametrize("program", ["threshold: {top_share: 12}", "nonsense: true"])
def test_a_refused_program_says_file_line_and_key_before_anything_runs(
    program: str, today: Settings, pql: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "boards.yaml"
    lines = today.programs.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(program.split(":")[0])]
    path.write_text("\n".join([*kept, program]))
    monkeypatch.setenv("PQL_PROGRAMS", str(path))
    line = refused(pql("run"))
    assert line.startswith(f"{path}:{len(kept) + 1}: {program.split(':')[0]}")


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port(port)
    assert found != port
    with socket.socket() as probe:
        probe.bind((HOST, found))


def test_a_port_that_is_free_is_kept() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert free_port(port) == port


def test_a_daemon_that_does_not_tick_is_said_by_the_doctor(today: Settings, pql: Any) -> None:
    answer = pql("doctor", "--json")
    assert answer.code == 1
    said = json.loads(answer.out)
    assert said["ok"] is False
    [problem] = said["problems"]
    assert problem.startswith("The Dagster daemon does not tick (SENSOR, SCHEDULER)")
    assert "Start `pql dev`" in problem
    for_people = pql("doctor")
    assert for_people.code == 1
    assert "does not tick" in for_people.out


def test_the_installed_command_refuses_without_a_traceback(new_home: Settings) -> None:
    command = Path(sys.executable).with_name("pql")
    answer = subprocess.run(
        [command, "ingest", "nowhere.ndjson"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "pql: nowhere.ndjson: there is no such file. Check the path\n"
