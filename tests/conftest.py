"""What every test has: a Hypothesis profile, the data and tools of this machine, and a CI that lets nothing be skipped.

A test that cannot run here skips with a reason that begins with `tool:` (a program is missing) or `data:` (files that
lie beside the checkout). Where `CI` is set such a skip is a failure: there, everything must be present.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.postgres import Cluster

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
