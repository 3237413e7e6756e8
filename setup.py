"""The build: the core is compiled to machine code by mypyc, from the same sources that run as they stand.

A call costs less than half the CPU then. The sources stay plain, typed Python; nothing in them knows of the compiler.
Where there is no C compiler, or with TRUNKLINE_PURE=1, the package is pure Python and behaves the same. An editable
install is always pure: what is edited is what runs. `trunkline.build.compiled()` says which one runs.

Everything else about the package is in pyproject.toml.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

ROOMS = ("sip", "sdp", "rtp", "routing", "trunk", "registrar", "guard", "call")
"""The pure rooms, which every message passes through, whole."""
SINGLE = (
    *("build", "engine/perform", "engine/pump", "media/echo", "media/session", "model/ids", "store/journal/journal"),
    *("store/journal/segments", "store/journal/writer", "telemetry/observe", "telemetry/tally", "telemetry/trace"),
    *("transport/finder", "transport/interfaces", "transport/layer", "transport/locate", "transport/udp"),
)
"""What messages and packets meet elsewhere. The rest waits for the kernel, the disk or an operator."""
RECORDS = re.compile(r"^(import msgspec|(import|from) enum)\b", re.MULTILINE)
"""Records and enumerations have machine code of their own, and compiled they would lose the types of their fields."""
LEFT = ("sip/flow",)
"""Part of such records, and so read back by them."""


def modules() -> list[str]:
    """The files that are compiled."""
    folder = Path("src/trunkline")
    rooms = [file for room in ROOMS for file in sorted((folder / room).rglob("*.py")) if file.name != "__init__.py"]
    left = {folder / f"{name}.py" for name in LEFT}
    files = [file for file in rooms if file not in left and not RECORDS.search(file.read_text())]
    return [str(file) for file in (*files, *(folder / f"{name}.py" for name in SINGLE))]


def extensions() -> list[Extension]:
    """The compiled modules in one binary, or none; a line says why none."""
    if os.environ.get("TRUNKLINE_PURE", "0") not in ("", "0"):
        return _pure("TRUNKLINE_PURE is set")
    if not _compiler():
        return _pure("there is no C compiler with Python's headers (gcc, python3-dev)")
    try:
        from mypyc.build import mypycify
    except ImportError as error:
        return _pure(f"mypyc cannot be used ({error})")
    # One file of C: calls between modules are direct, and the compiler sees them all.
    # Whether the types are right is for `make check` to say, with every package at hand.
    flags = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]
    try:
        found = mypycify([*flags, *modules()], group_name="trunkline", debug_level="0")
    except SystemExit:
        return _pure("this version of mypy refuses it, see above")
    for each in found:
        # A warning about generated code is no reason not to install, and looking for one takes half of the time.
        each.extra_compile_args = [*(word for word in each.extra_compile_args if word != "-Werror"), "-Wno-all"]
        each.depends.append("setup.py")
    return found


def _pure(reason: str) -> list[Extension]:
    print(f"trunkline: pure Python, the core about three times slower: {reason}", file=sys.stderr, flush=True)
    return []


def _compiler() -> bool:
    """Whether what setuptools would call compiles a file that includes Python's headers."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "")
    if not command:
        return False
    command += ["-I", sysconfig.get_path("include"), "-fsyntax-only", "-x", "c", "-"]
    try:
        done = subprocess.run(command, input=b"#include <Python.h>\n", capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    # Metadata, source archives and editable installs need no binary.
    building = {"bdist_wheel", "build_ext"} & set(sys.argv)
    setup(ext_modules=extensions() if building else [], options={"build_ext": {"parallel": os.cpu_count() or 1}})
