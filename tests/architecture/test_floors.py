"""The floors of the house: imports point downward, and the pure floors import nothing that acts."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PURE = ("sip", "sdp", "rtp", "model", "routing", "trunk", "registrar", "guard", "identity", "call")
ACTING = {
    "asyncio", "socket", "ssl", "select", "selectors", "time", "datetime", "random", "secrets", "threading",
    "multiprocessing", "concurrent", "subprocess", "logging", "aiohttp", "uvloop", "sqlalchemy", "aiosqlite", "aiodns",
}  # fmt: skip
ACTS = {"open", "print", "input"}


def pure_files(root: Path) -> list[Path]:
    return [file for room in PURE for file in sorted((root / "src" / "trunkline" / room).rglob("*.py"))]


def imported(tree: ast.AST) -> set[str]:
    """The top-level names of every import in a file, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_contracts_hold(root: Path) -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run([linter, "--no-cache"], cwd=root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts_say_what_the_house_says(root: Path) -> None:
    contracts: list[dict[str, Any]] = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    layers, surfaces, core, control, store, forbidden = contracts
    assert [re.sub("[()]", "", layer) for layer in layers["layers"]] == [
        "cli", "commands", "edge", "settings", "api", "engine | control",
        "transport | media | providers | store | telemetry",
        "call", "routing | trunk | registrar | guard | identity", "model", "sip | sdp | rtp | build",
    ]  # fmt: skip
    assert surfaces["modules"] == [f"trunkline.api.{each}" for each in ("native", "telephony", "numbers", "importing")]
    assert core["layers"] == [
        "core", "reception | transfer | door | overdue", "b2bua | beside", "decision | leg", "inputs | outputs",
    ]  # fmt: skip
    assert control["layers"] == [
        "bootstrap", "services", "calls", "providers", "routing", "access | telling | status", "configuration",
        "fields | ports | window | breath | answers", "errors",
    ]  # fmt: skip
    assert store["layers"] == [
        "retention | replay | mover", "group", "events | store", "collapse | migrate | partings | rows", "journal",
        "database",
    ]  # fmt: skip
    assert set(forbidden["source_modules"]) == {f"trunkline.{room}" for room in PURE}
    assert set(forbidden["forbidden_modules"]) == ACTING


def test_pure_rooms_import_nothing_that_acts(root: Path) -> None:
    """Also inside functions and under TYPE_CHECKING, where a contract may be told to look away."""
    files = pure_files(root)
    assert len(files) > len(PURE)
    found = {
        str(file.relative_to(root)): names
        for file in files
        if (names := imported(ast.parse(file.read_text())) & ACTING)
    }
    assert found == {}


def test_pure_rooms_call_nothing_that_acts(root: Path) -> None:
    found = [
        f"{file.relative_to(root)}:{node.lineno} {node.func.id}"
        for file in pure_files(root)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ACTS
    ]
    assert found == []


@pytest.mark.parametrize(
    "source", ["import asyncio.events", "def f():\n  from time import monotonic", "import os, ssl"]
)
def test_the_search_finds_what_it_seeks(source: str) -> None:
    assert imported(ast.parse(source)) & ACTING
