"""What a figure was taken on: without it a figure means nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path


def describe(python: Path) -> dict[str, str]:
    """`python` is the interpreter that runs our edge; it may be another than the harness's."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": f"{len(os.sched_getaffinity(0))} × {_cpu()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "interpreter": _interpreter(python),
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _interpreter(python: Path) -> str:
    """Version, and whether it was built with profile-guided optimisation, worth about a third of the parsing."""
    code = (
        "import platform, sysconfig\n"
        "arguments = sysconfig.get_config_var('CONFIG_ARGS') or ''\n"
        "flags = sysconfig.get_config_var('PY_CFLAGS_NODIST') or ''\n"
        "pgo = 'yes' if '--enable-optimizations' in arguments or '-fprofile-use' in flags else 'no'\n"
        "print(platform.python_implementation(), platform.python_version(), 'PGO:', pgo)\n"
    )
    try:
        return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"{sys.version.split()[0]} ({sysconfig.get_platform()})"
