"""What the build compiles: all that a message passes through, and nothing whose types are read while it runs."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from trunkline import build
from trunkline.edge import edge
from trunkline.model.agent import Agent
from trunkline.model.call import CallRecord
from trunkline.model.journal import JournalEntry
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.settings import Settings

MARK = "trunkline: pure Python, the core about three times slower: "


@pytest.fixture
def compiled(root: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The modules that a build compiles."""
    monkeypatch.chdir(root)
    files: list[str] = runpy.run_path("setup.py")["modules"]()
    assert [file for file in files if not Path(file).is_file()] == []
    return {file.removeprefix("src/").removesuffix(".py").replace("/", ".") for file in files}


@pytest.mark.parametrize(
    "module",
    [
        "sip.message",
        "sip.via",
        "sip.compose",
        "sip.transaction.layer",
        "sip.dialog.dialog",
        "sdp.relay",
        "routing.table",
        "call.decision.arrival",
        "call.core",
        "call.b2bua.call",
        "call.leg.session",
        "call.leg.uac_leg",
        "call.leg.uas_leg",
        "engine.pump",
        "engine.perform",
        "transport.udp",
        "build",
    ],
)
def test_what_a_call_passes_through_is_compiled(compiled: set[str], module: str) -> None:
    assert f"trunkline.{module}" in compiled


def test_no_final_tuple_of_floats_is_compiled(root: Path, compiled: set[str]) -> None:
    """mypyc takes one of a fixed length for unset whenever it is read. `Final[tuple[float, ...]]` is none."""
    bad = re.compile(r"^\s*\w+: Final = \(-?\d+\.\d", re.MULTILINE)
    files = {name: root / "src" / f"{name.replace('.', '/')}.py" for name in compiled}
    assert [name for name, file in files.items() if bad.search(file.read_text())] == []


def parts(kind: msgspec.inspect.Type) -> Iterator[type]:
    """The classes that a decoder of `kind` makes."""
    made = getattr(kind, "cls", None)
    if made is not None:
        yield made
    for field in getattr(kind, "fields", ()):
        yield from parts(field.type)
    within = [getattr(kind, name, None) for name in ("item_type", "key_type", "value_type", "type")]
    for each in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ()), *within):
        if isinstance(each, msgspec.inspect.Type):
            yield from parts(each)


@pytest.mark.parametrize("kind", [JournalEntry, CallRecord, Trunk, Number, Agent, Settings])
def test_what_is_decoded_keeps_its_types(compiled: set[str], kind: object) -> None:
    """mypyc keeps `str` of a field that is `Literal["udp"] | None`: a compiled class would not be read back."""
    made = {each.__module__ for each in parts(msgspec.inspect.type_info(kind))}
    assert any(module.startswith(("trunkline.model.", "trunkline.settings.")) for module in made)
    assert made & compiled == set()


def test_sources_are_not_compiled(root: Path) -> None:
    code = "from trunkline import build; print(build.compiled())"
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert list((root / "src").rglob("*.so")) == []


@pytest.mark.skipif(build.compiled(), reason="the sources are not what runs")
def test_the_suite_runs_the_sources(root: Path) -> None:
    assert Path(build.__file__) == root / "src" / "trunkline" / "build.py"


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"TRUNKLINE_PURE": "1"}, "TRUNKLINE_PURE is set"),
        ({"CC": "/nonexistent/cc"}, "there is no C compiler with Python's headers (gcc, python3-dev)"),
        ({"CC": "false"}, "there is no C compiler with Python's headers (gcc, python3-dev)"),
    ],
)
def test_without_a_compiler_it_is_pure_and_says_why(root: Path, environ: dict[str, str], reason: str) -> None:
    code = "import runpy; print(runpy.run_path('setup.py')['extensions']())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "TRUNKLINE_PURE": "", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", f"{MARK}{reason}\n")


def test_nothing_that_is_left_out_inherits_from_what_is_compiled(compiled: set[str]) -> None:
    """Python refuses such a class when its module is imported: the compiled package would not start."""
    wrong = []
    assert edge.__name__ in sys.modules, "all that runs is imported"
    for module in sorted(sys.modules):
        if not module.startswith("trunkline.") or module in compiled:
            continue
        for each in vars(sys.modules[module]).values():
            if isinstance(each, type) and each.__module__ == module:
                wrong += [f"{module}.{each.__name__}" for base in each.__mro__[1:] if base.__module__ in compiled]
    assert wrong == []
