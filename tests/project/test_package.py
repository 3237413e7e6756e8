"""The package's own data agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trunkline import __version__


@pytest.fixture
def project(root: Path) -> dict[str, Any]:
    return dict(tomllib.loads((root / "pyproject.toml").read_text())["project"])


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_pins_everything(root: Path, project: dict[str, Any]) -> None:
    lines = [line for line in (root / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    locked = {canonical(line.partition("==")[0]) for line in lines}
    extras = project["optional-dependencies"]
    requires = tomllib.loads((root / "pyproject.toml").read_text())["build-system"]["requires"]
    wanted = [*requires, *project["dependencies"], *extras["test"], *extras["postgres"]]
    names = {canonical(match[0]) for line in wanted if (match := re.match(r"[\w.-]+", line))}
    assert names - locked == set()


def test_the_changelog_has_a_place_for_what_comes(root: Path) -> None:
    heads = re.findall(r"^## \[(.+?)\]", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == "Unreleased"
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:[.-]?\w+)*", __version__)


def test_the_licence_is_what_the_package_says(root: Path, project: dict[str, Any]) -> None:
    assert project["license"] == "Apache-2.0"
    text = (root / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


@pytest.mark.parametrize("script", [".ci/run", ".ci/packages", ".ci/python"])
def test_scripts_are_whole(root: Path, script: str) -> None:
    subprocess.run(["sh", "-n", root / script], check=True, timeout=10)
    assert (root / script).stat().st_mode & 0o111


@pytest.mark.parametrize("target", ["run", "test", "compiled", "check", "bench", "lock", "clean"])
def test_make_knows_its_targets(root: Path, tool: Callable[[str], str], target: str) -> None:
    done = subprocess.run(
        [tool("make"), "--dry-run", target], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
