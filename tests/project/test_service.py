"""The systemd unit: systemd accepts it, finds it well confined, and it fits the settings."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trunkline.settings import Settings

UNIT = "systemd/trunkline.service"


@pytest.fixture
def unit(root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((root / UNIT).read_text())
    return parser


def test_systemd_accepts_it(root: Path, tool: Callable[[str], str], tmp_path: Path) -> None:
    # The program itself is not installed here.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (root / UNIT).read_text(), flags=re.MULTILINE)
    copy = tmp_path / "trunkline.service"
    copy.write_text(text)
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "trunkline" in line]) == (0, [])


def test_it_is_confined(root: Path, tool: Callable[[str], str]) -> None:
    command = [tool("systemd-analyze"), "security", "--offline=yes", "--json=short", "--threshold=20", "--no-pager"]
    done = subprocess.run([*command, root / UNIT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = {rule["json_field"]: rule for rule in json.loads(done.stdout)}
    assert rules["NoNewPrivileges"]["set"] is True
    assert rules["CapabilityBoundingSet_CAP_NET_ADMIN"]["set"] is True


def test_stopping_waits_for_the_drain(unit: configparser.ConfigParser) -> None:
    assert unit.getint("Service", "TimeoutStopSec") > Settings().sip.drain_limit + 10


def test_it_says_when_it_is_ready_and_that_it_lives(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["Type"], service["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert int(service["WatchdogSec"]) >= 10


def test_what_it_keeps_is_where_it_may_write(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["ProtectSystem"], service["StateDirectory"], service["UMask"]) == ("strict", "trunkline", "0077")
