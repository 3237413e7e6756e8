"""The Dockerfile: steps that fit the project, no root, and no setting that does not exist."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from trunkline.settings import Settings, load


@pytest.fixture
def steps(root: Path) -> list[tuple[str, str]]:
    """Each instruction and its arguments, lines that go on joined."""
    text = re.sub(r"^\s*#.*\n", "", (root / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", text)
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def of(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [arguments for name, arguments in steps if name == instruction]


def test_what_it_copies_exists_and_reaches_the_builder(root: Path, steps: list[tuple[str, str]]) -> None:
    let_in = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [name for line in of(steps, "COPY") if "--from" not in line for name in line.split()[:-1]]
    assert copied
    assert [name for name in copied if not (root / name).exists()] == []
    assert set(copied) <= let_in
    metadata = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert {metadata["readme"], *metadata["license-files"]} <= set(copied)


def test_it_builds_in_one_stage_and_runs_in_another(root: Path, steps: list[tuple[str, str]]) -> None:
    bases = of(steps, "FROM")
    assert len(bases) == 2
    lowest = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    for base in bases:
        version = re.match(r"python:3\.(\d+)-slim", base)
        assert version
        assert int(version[1]) >= int(lowest.removeprefix(">=3."))
    last = [index for index, (name, _) in enumerate(steps) if name == "FROM"][-1]
    assert not any("pip install" in arguments for _, arguments in steps[last:])
    assert any("-c requirements.lock" in arguments for _, arguments in steps[:last])


def test_it_does_not_run_as_root(steps: list[tuple[str, str]]) -> None:
    [user] = of(steps, "USER")
    assert user not in ("root", "0")
    names = [name for name, _ in steps]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_its_ports_are_the_defaults(steps: list[tuple[str, str]]) -> None:
    exposed = {port for line in of(steps, "EXPOSE") for port in line.split()}
    assert exposed == {"5060/udp", "5060/tcp", "5061/tcp", f"{Settings().api.port}/tcp"}


def test_its_environment_is_understood(steps: list[tuple[str, str]]) -> None:
    environ = dict(pair.split("=", 1) for line in of(steps, "ENV") for pair in line.split())
    settings = load(None, environ)
    assert str(settings.data_dir) == of(steps, "VOLUME")[0]
    assert settings.api.host == "0.0.0.0"


def test_its_health_check_is_a_program(steps: list[tuple[str, str]]) -> None:
    [check] = of(steps, "HEALTHCHECK")
    program = json.loads(check[check.index("[") :])
    assert program[:2] == ["python", "-c"]
    assert "/healthz" in ast.unparse(ast.parse(program[2]))
