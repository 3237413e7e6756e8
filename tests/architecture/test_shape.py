"""The shape of the files: each readable at a sitting, named for what it is, saying what it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

LONGEST = 400
EMPTY_NAME = re.compile(r"(?:Manager|Helper|Helpers|Utils|Util)$|^(?:manager|helpers?|utils?|common|misc)$")


def sources(root: Path) -> list[Path]:
    return sorted((root / "src" / "trunkline").rglob("*.py"))


def test_no_file_is_too_long(root: Path) -> None:
    lengths = {str(file.relative_to(root)): len(file.read_text().splitlines()) for file in sources(root)}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_names_say_something(root: Path) -> None:
    files = [str(file.relative_to(root)) for file in sources(root) if EMPTY_NAME.search(file.stem)]
    classes = [
        f"{file.relative_to(root)}:{node.lineno} {node.name}"
        for file in sources(root)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and EMPTY_NAME.search(node.name)
    ]
    assert files + classes == []


@pytest.mark.parametrize("name", ["CallManager", "utils", "helper", "SipUtils", "ConnectionHelper"])
def test_empty_names_are_known(name: str) -> None:
    assert EMPTY_NAME.search(name)


def test_every_module_says_what_it_is(root: Path) -> None:
    silent = []
    for file in sources(root):
        tree = ast.parse(file.read_text())
        if tree.body and not ast.get_docstring(tree):
            silent.append(str(file.relative_to(root)))
    assert silent == []


def test_nothing_global_changes(root: Path) -> None:
    """No `global` statement: state belongs to an object that someone holds."""
    found = [
        f"{file.relative_to(root)}:{node.lineno}"
        for file in sources(root)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Global)
    ]
    assert found == []
