"""On Postgres too, the live path ends with the tables that a rebuild computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from pydantic import SecretStr

from pql_platform.settings import Settings
from pql_platform.warehouse.building import build as build_duckdb
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.gateways import open_postgres
from pql_platform.warehouse.manifest import load_manifest
from pql_platform.warehouse.postgres_deployments import build, deployed_models, scratch_name
from pql_platform.warehouse.postgres_rescoring import as_known_at, rescore
from pql_platform.warehouse.rescoring import ROLL_UPS
from pql_platform.warehouse.rescoring import rescore as rescore_duckdb
from pql_platform.warehouse.transfer import to_postgres

pytestmark = pytest.mark.engines

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
"""A world is a database and a warehouse of its own: half a second each."""


@pytest.fixture(scope="session")
def kit(imported: Callable[[str], ModuleType]) -> ModuleType:
    """The messages, files and folders of the DuckDB warehouse's tests."""
    return imported("tests/warehouse/conftest.py")


@pytest.fixture(scope="session")
def worlds(imported: Callable[[str], ModuleType]) -> ModuleType:
    """The generated worlds with which the DuckDB live path is searched for differences."""
    return imported("tests/warehouse/test_live_equals_rebuild.py")


@pytest.fixture(scope="session")
def deployed(kit, postgres_url, tmp_path_factory) -> Settings:
    """An empty Postgres warehouse with the models of the unit program; not to be changed."""
    landing = kit.settings_of(tmp_path_factory.mktemp("landing"))
    with open_warehouse(landing) as connection:
        kit.load(connection, landing)
    build_duckdb(landing, kit.NOW - timedelta(days=30))
    postgres = landing.model_copy(
        update={"gateway": "postgres", "warehouse_url": SecretStr(postgres_url())}
    )
    with open_warehouse(landing) as source, open_postgres(postgres) as target:
        to_postgres(source, target)
    build(postgres, kit.NOW - timedelta(days=30))
    return postgres


@pytest.fixture(scope="session")
def copied(deployed, postgres_url, tmp_path_factory) -> Callable:
    """Makes a landing warehouse and a copy of the deployed one; opens both."""
    import shutil

    template = deployed.warehouse_url.get_secret_value().rpartition("/")[2]

    @contextmanager
    def open_copy() -> Iterator[tuple]:
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(deployed.home, home, dirs_exist_ok=True)
        url = SecretStr(postgres_url(f"TEMPLATE {template}"))
        copy = deployed.model_copy(update={"home": home, "warehouse_url": url})
        with open_warehouse(copy) as source, open_postgres(copy) as target:
            yield copy, source, target

    return open_copy


def computed(manifest, execute: Callable, table: Callable[[str], str] = str) -> dict[str, list]:
    """Every row of every model that a live pass keeps up to date, JSON left out."""
    found = {}
    for model in manifest:
        if model.name not in ROLL_UPS:
            columns = ", ".join(name for name, _, _ in model.columns if name not in JSON_COLUMNS)
            rows = execute(f"SELECT {columns} FROM {table(model.name)}").fetchall()  # noqa: S608
            found[model.name] = sorted(rows, key=repr)
    return found


JSON_COLUMNS = ("properties", "traits")


def deliver(kit, copy: Settings, source, target, batch: list[dict], name: str) -> None:
    """A file into the inbox, into DuckDB, and on into Postgres."""
    kit.put(copy, batch, f"{name}.parquet")
    kit.load(source, copy)
    to_postgres(source, target)


def test_any_split_and_order_ends_in_the_tables_of_a_rebuild(kit, worlds, copied) -> None:
    @example(world=worlds.PEOPLE_WHO_MOVED)
    @settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
    @given(world=worlds.WORLDS)
    def search(world) -> None:
        with copied() as (copy, source, target):
            manifest = load_manifest(copy.model_copy(update={"gateway": "duckdb"}))
            batches = zip(worlds.files_of(world, kit), worlds.CLOCKS, strict=True)
            for position, (batch, before) in enumerate(batches):
                deliver(kit, copy, source, target, batch, str(position))
                rescored = rescore(target, kit.NOW - before)
                assert (rescored.scope == "all") is (position < 2)
            live = computed(manifest, target.execute)
            # Going back recomputes everything, and so does coming again from the day before.
            assert rescore(target, kit.NOW - timedelta(days=1)).scope == "all"
            assert rescore(target, kit.NOW).scope == "all"
            assert live == computed(manifest, target.execute)
            assert rescore_duckdb(source, kit.NOW).scope == "all"
            assert live == computed(manifest, source.execute)

    search()


def test_what_was_known_in_the_past_stays_as_it_was(kit, worlds, copied) -> None:
    past = kit.NOW - timedelta(hours=4)
    messages = [row for file in worlds.files_of(worlds.PEOPLE_WHO_MOVED, kit) for row in file]
    early = [row for row in messages if row["received_at"] <= past.replace(tzinfo=None)]
    late = [row for row in messages if row not in early]
    assert early
    assert late
    with copied() as (copy, source, target):
        manifest = load_manifest(copy.model_copy(update={"gateway": "duckdb"}))
        deliver(kit, copy, source, target, early, "early")
        rescore(target, past)
        then = computed(manifest, target.execute)
        deliver(kit, copy, source, target, late, "late")
        rescore(target, kit.NOW)
        now = computed(manifest, target.execute)
        assert now != then
        with as_known_at(target, past):
            assert computed(manifest, target.execute, scratch_name) == then
        accounts = sorted(account for account, *_ in then["staging.accounts"])[:2]
        with as_known_at(target, past, accounts):
            for model in ("staging.accounts", "features.signals", "scores.contributions"):
                found = target.execute(
                    f"SELECT * FROM {scratch_name(model)} WHERE account_id = ANY(%s)",  # noqa: S608
                    [accounts],
                ).fetchall()
                assert sorted(found, key=repr) == [
                    row for row in then[model] if set(accounts) & set(row)
                ]
        assert computed(manifest, target.execute) == now


def test_a_rescoring_that_fails_leaves_everything_as_it_was(kit, copied) -> None:
    with copied() as (copy, source, target):
        manifest = load_manifest(copy.model_copy(update={"gateway": "duckdb"}))
        rescore(target, kit.NOW - timedelta(hours=1))
        before = computed(manifest, target.execute)
        batch = [kit.message("m1", timedelta(minutes=5), user_id="ann", group_id="acme")]
        deliver(kit, copy, source, target, batch, "one")
        target.execute("UPDATE ops.models SET query = 'SELECT 1 / 0' WHERE position > 12")
        with pytest.raises(Exception, match="division by zero"):
            rescore(target, kit.NOW)
        assert computed(manifest, target.execute) == before
        assert target.execute("SELECT as_of FROM raw.clock").fetchone() == (
            (kit.NOW - timedelta(hours=1)).replace(tzinfo=None),
        )


def test_messages_that_come_due_later_count_from_then_on(kit, copied) -> None:
    with copied() as (copy, source, target):
        batch = [kit.message("m1", -timedelta(hours=2), user_id="ann", group_id="acme")]
        deliver(kit, copy, source, target, batch, "early")
        rescore(target, kit.NOW)
        assert target.execute("SELECT COUNT(*) FROM staging.accounts").fetchone() == (0,)
        assert rescore(target, kit.NOW + timedelta(hours=1)).scope == "nothing"
        assert rescore(target, kit.NOW + timedelta(hours=3)).scope == "touched"
        assert target.execute("SELECT account_id FROM staging.accounts").fetchall() == [("acme",)]


def test_the_same_models_deployed_again_are_the_same_deployment(deployed, kit) -> None:
    with open_postgres(deployed) as connection:
        before = deployed_models(connection)
    build(deployed, kit.NOW - timedelta(days=30))
    with open_postgres(deployed) as connection:
        assert deployed_models(connection) == before
        assert connection.execute("SELECT MAX(deployment) FROM ops.models").fetchone() == (1,)
