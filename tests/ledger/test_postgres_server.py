"""Where the tests find their Postgres server, and that its absence is not passed over in CI."""

from __future__ import annotations

from pathlib import Path

import postgres_server
import pytest


def test_without_a_server_tests_skip_unless_one_is_required(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_server, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres_server, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres_server.find_binaries() is None
    for name in postgres_server.REQUIRED_BY:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no server"):
        postgres_server.missing("no server", *postgres_server.REQUIRED_BY)
    for name in postgres_server.REQUIRED_BY:
        with monkeypatch.context() as patch:
            patch.setenv(name, "required")
            with pytest.raises(pytest.fail.Exception, match="no server"):
                postgres_server.missing("no server", *postgres_server.REQUIRED_BY)


def test_a_server_of_debian_is_taken_where_there_is_no_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_server, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres_server, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    initdb = tmp_path / "15" / "bin" / "initdb"
    initdb.parent.mkdir(parents=True)
    initdb.touch(mode=0o755)
    assert postgres_server.find_binaries() == initdb.parent
