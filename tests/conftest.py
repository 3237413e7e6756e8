"""What every test has: a Hypothesis profile, the data and tools of this machine, and a CI that lets nothing be skipped.

A test that cannot run here skips with a reason that begins with `tool:` (a program is missing) or `data:` (files that
lie beside the checkout). Where `CI` is set such a skip is a failure: there, everything must be present.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import CHOICES, POSTGRES, SQLITE, Databases, backends
from trunkline.store.store import Store

if TYPE_CHECKING:
    from tests.postgres import Cluster

pytest_plugins = ["tests.watch"]

ROOT = Path(__file__).resolve().parent.parent
LACKING = ("tool:", "data:")

# Machines that share their cores miss deadlines without a fault in the code.
settings.register_profile("trunkline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trunkline")


def lacking(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The reason of a skip for want of a tool or of data; None for every other outcome."""
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix("Skipped: ")
    return reason if reason.startswith(LACKING) else None


def forbid(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") and (reason := lacking(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be missing: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    forbid(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    forbid(report)
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=CHOICES,
        help="the database of the tests that need one: sqlite, postgres or both; by default sqlite, and for some both",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        on_both = metafunc.definition.get_closest_marker("both_stores") is not None
        found = backends(metafunc.config.getoption("store"), on_both=on_both)
        if tuple(found) != (SQLITE,):
            metafunc.parametrize("backend", found, indirect=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A folder of the data that lies beside the checkout, or a skip."""

    def folder(name: str) -> Path:
        path = ROOT.parent / "shared" / name
        if not path.exists():
            pytest.skip(f"data: ../shared/{name} is not beside the checkout")
        return path

    return folder


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """The path of a program, or a skip."""

    def path(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"tool: {name} is not installed")
        return found

    return path


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own, or a skip."""
    from tests import postgres

    programs = postgres.installed()
    if programs is None:
        pytest.skip("tool: the server of PostgreSQL is not installed")
    cluster = postgres.Cluster.make(programs)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def databases(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Databases on that server."""
    return Databases(cluster, tmp_path_factory.mktemp("postgres"))


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """A PostgreSQL database with empty tables."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """What this test runs on."""
    return str(getattr(request, "param", SQLITE))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file whose tables are made once for all tests."""
    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        store = await Store.open(f"sqlite:///{folder}/trunkline.db", folder / "secret.key")
        await store.close()

    asyncio.run(make())
    return folder / "trunkline.db"


@pytest.fixture
def store_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with empty tables, of the kind that this test runs on."""
    if backend == POSTGRES:
        return str(request.getfixturevalue("postgres_url"))
    shutil.copy(request.getfixturevalue("template"), tmp_path / "trunkline.db")
    return f"sqlite:///{tmp_path}/trunkline.db"


@pytest.fixture(scope="session")
def shared_url(request: pytest.FixtureRequest) -> Callable[[Path], contextlib.AbstractContextManager[str]]:
    """The database for what several tests share, given its folder: a file that is not there yet, or empty tables."""
    if request.config.getoption("store") == POSTGRES:
        databases: Databases = request.getfixturevalue("databases")
        return lambda _: databases.empty()
    return lambda folder: contextlib.nullcontext(f"sqlite:///{folder}/trunkline.db")
