"""The entry: commands are found and described, and nothing is imported before its time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import Run
from trunkline import __version__

COMMANDS = [
    ("serve",),
    ("call",),
    ("explain",),
    ("trace",),
    ("keys",),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
]


def test_its_version(run: Run) -> None:
    ended = run("--version")
    assert (ended.code, ended.out) == (0, f"trunkline {__version__}\n")


@pytest.mark.parametrize("words", [(), *COMMANDS])
def test_help(run: Run, words: tuple[str, ...]) -> None:
    ended = run(*words, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"usage: trunkline {' '.join(words)}".rstrip())


@pytest.mark.parametrize("words", [(), ("fly",), ("keys",), ("explain", "1"), ("call",)])
def test_what_is_no_command(run: Run, words: tuple[str, ...]) -> None:
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "usage: trunkline" in ended.err


def test_a_seed_that_is_not_there(run: Run) -> None:
    ended = run("serve", "--seed", "/nowhere.json")
    assert ended.code == 2
    assert ended.err.startswith("trunkline serve: there is no file /nowhere.json")


def loaded(statement: str) -> set[str]:
    """The modules of a fresh interpreter after a statement."""
    program = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_help_costs_nothing() -> None:
    found = loaded("from trunkline.cli import parser\nparser().format_help()")
    assert found & {"asyncio", "aiohttp", "sqlalchemy", "rich", "trunkline.edge", "phonenumbers"} == set()


def test_the_server_is_served_without_what_only_commands_need() -> None:
    found = loaded("import trunkline.cli, trunkline.edge")
    assert "trunkline.edge" in found
    assert found & {"rich", "trunkline.commands.screen", "trunkline.engine.caller"} == set()


def test_as_a_module_and_into_a_pipe_that_closes() -> None:
    done = subprocess.run(
        f"{sys.executable} -m trunkline call --help | head -1", shell=True, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert done.stdout.startswith("usage: trunkline call")
    assert done.stderr == ""
