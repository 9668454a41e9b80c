"""Opening a ledger: settings, schema, races, refusals."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from pql_platform.errors import PqlError
from pql_platform.ledger import migrate
from pql_platform.ledger.engine import REVISIONS, VERSION_TABLE, open_ledger, reading
from pql_platform.ledger.tables import channel_turns, metadata


def _pragma(engine: Engine, name: str) -> object:
    with reading(engine) as conn:
        return conn.exec_driver_sql(f"PRAGMA {name}").scalar()


def _url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_a_new_ledger_is_private_durable_and_checks_its_references(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    engine = open_ledger(f"sqlite:///{path}")
    assert _pragma(engine, "journal_mode") == "wal"
    assert _pragma(engine, "synchronous") == 2  # FULL
    assert _pragma(engine, "foreign_keys") == 1
    assert _pragma(engine, "busy_timeout") == 30_000
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE touched (id INTEGER)"))
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    assert set(modes.values()) == {"0o600"}, modes
    engine.dispose()


def test_an_existing_file_that_others_could_read_becomes_private(ledger_path: Path) -> None:
    ledger_path.chmod(0o644)
    open_ledger(f"sqlite:///{ledger_path}").dispose()
    assert ledger_path.stat().st_mode & 0o777 == 0o600


def test_a_restored_copy_without_wal_gets_it_back(ledger_path: Path) -> None:
    with sqlite3.connect(ledger_path) as plain:
        assert plain.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    plain.close()
    engine = open_ledger(f"sqlite:///{ledger_path}")
    assert _pragma(engine, "journal_mode") == "wal"
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_of_the_code(ledgers) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    migrated, created = open_ledger(ledgers.empty()), create_engine(ledgers.empty())
    metadata.create_all(created)

    with reading(migrated) as conn:
        options = {"compare_type": True, "version_table": VERSION_TABLE}
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, metadata) == []

    # Alembic does not compare every constraint, so what the database says is compared as well.
    definitions = DEFINITIONS[migrated.dialect.name]
    assert definitions(migrated) == definitions(created)
    assert len(definitions(created)) > len(metadata.tables)
    migrated.dispose()
    created.dispose()


def _definitions_on_sqlite(engine: Engine) -> dict[str, list[str]]:
    query = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    with engine.connect() as conn:
        return {
            # A column added later stands before the last bracket, after a comma in its line.
            name: sorted(filter(None, map(str.strip, re.split(r"[,\n]", sql[:-1]))))
            for name, sql in conn.execute(query)
            if name != VERSION_TABLE
        }


def _definitions_on_postgres(engine: Engine) -> dict[str, list[str]]:
    """Columns, constraints and indexes as Postgres writes them, by table and by index."""
    query = text(
        """
        SELECT table_name, concat_ws(' ', column_name, data_type, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL
        SELECT conrelid::regclass::text, concat_ws(' ', conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        ORDER BY 1, 2
        """
    )
    found: dict[str, list[str]] = {}
    with engine.connect() as conn:
        for name, definition in conn.execute(query):
            if not name.startswith(VERSION_TABLE):
                found.setdefault(name, []).append(definition)
    return found


DEFINITIONS = {"sqlite": _definitions_on_sqlite, "postgresql": _definitions_on_postgres}


def test_the_code_knows_every_revision_on_disk() -> None:
    assert migrate.revisions() == REVISIONS


def test_the_schema_can_be_written_for_postgres() -> None:
    dialect = postgresql.dialect()
    ddl = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    ddl += [
        str(CreateIndex(index).compile(dialect=dialect))
        for table in metadata.sorted_tables
        for index in table.indexes
    ]
    whole = "\n".join(ddl)
    assert "TIMESTAMP WITH TIME ZONE" in whole
    assert "WHERE closed_at IS NULL" in whole
    assert "id BIGSERIAL NOT NULL" in whole


def test_a_ledger_at_head_is_opened_without_alembic(engine: Engine) -> None:
    script = (
        "import sys; from pql_platform.ledger.engine import open_ledger; "
        f"open_ledger('{_url(engine)}').dispose(); "
        "print(sorted({'alembic', 'filelock'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_processes_that_start_at_once_make_one_ledger(empty_url: str) -> None:
    opening = f"open_ledger('{empty_url}').dispose()"
    script = f"from pql_platform.ledger.engine import open_ledger; {opening}"
    starting = [
        subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(4)
    ]
    errors = [process.communicate()[1] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0, 0], errors
    engine = open_ledger(empty_url)
    with reading(engine) as conn:
        assert conn.execute(text("SELECT version_num FROM ledger_version")).scalars().all() == [
            REVISIONS[-1]
        ]
    engine.dispose()


def test_a_ledger_of_a_newer_release_is_refused(empty_url: str) -> None:
    engine = open_ledger(empty_url)
    with engine.begin() as conn:
        conn.execute(text("UPDATE ledger_version SET version_num = '0999'"))
    engine.dispose()
    newer = rf"revision 0999, newer than this release \({REVISIONS[-1]}\)"
    with pytest.raises(PqlError, match=newer) as error:
        open_ledger(empty_url)
    assert error.value.field == "PQL_STATE_URL"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "outlives the process"),
        ("sqlite:///:memory:", "outlives the process"),
        ("sqlite:///file:x?mode=memory&uri=true", "outlives the process"),
        ("ledger.sqlite", "no database URL"),
        ("unheard_of://host/db", "no database URL"),
        ("sqlite:////nowhere/at/all/ledger.sqlite", r"cannot be written \(No such file"),
        ("postgresql+pg8000://u:secret@127.0.0.1/db", "driver pg8000 is not installed"),
    ],
)
def test_an_unusable_url_is_refused_in_one_line(url: str, message: str) -> None:
    with pytest.raises(PqlError, match=message) as error:
        open_ledger(url)
    assert error.value.hint
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is not a database, and longer than a header of one" * 10)
    with pytest.raises(PqlError, match="file is not a database"):
        open_ledger(f"sqlite:///{path}")


def test_an_upgrade_that_another_process_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr("pql_platform.ledger.engine._UPGRADE_SECONDS", 0.05)
    with (
        FileLock(f"{tmp_path / 'ledger.sqlite'}.lock"),
        pytest.raises(PqlError, match="another process has been upgrading"),
    ):
        open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_it(engine: Engine, kit) -> None:
    values = {"channel": "slack", "free_at": kit.START, "failures": 0}
    with engine.begin() as writer:
        writer.execute(insert(channel_turns).values(**values))
        with reading(engine) as reader:
            assert reader.execute(select(channel_turns)).all() == []
    with reading(engine) as reader:
        assert len(reader.execute(select(channel_turns)).all()) == 1


def test_a_reader_sees_one_state_however_often_it_looks(engine: Engine, kit) -> None:
    values = {"channel": "slack", "free_at": kit.START, "failures": 0}
    with reading(engine) as reader:
        assert reader.execute(select(channel_turns)).all() == []
        with engine.begin() as writer:
            writer.execute(insert(channel_turns).values(**values))
        assert reader.execute(select(channel_turns)).all() == []
    with reading(engine) as reader:
        assert len(reader.execute(select(channel_turns)).all()) == 1
