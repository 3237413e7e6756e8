"""Words to the service manager, on a real socket."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline.engine.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(1)
        yield listening


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_what_it_says(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    notifier.starting(30, "starting: reading")
    assert heard(manager) == "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=starting: reading"
    notifier.ready("calls at udp:192.0.2.1:5060")
    assert heard(manager) == f"READY=1\nMAINPID={os.getpid()}\nSTATUS=calls at udp:192.0.2.1:5060"
    notifier.alive()
    assert heard(manager) == "WATCHDOG=1"
    notifier.reloading()
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", heard(manager))
    notifier.stopping(1.5, "draining")
    assert heard(manager) == "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000\nSTATUS=draining"


def test_a_name_without_a_file() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0trunkline-test-{os.getpid()}")
        listening.settimeout(1)
        Notifier(f"@trunkline-test-{os.getpid()}").alive()
        assert heard(listening) == "WATCHDOG=1"


def test_it_finds_the_manager_by_itself(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    Notifier().alive()
    assert heard(manager) == "WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_without_a_manager_nothing_is_said(address: str) -> None:
    Notifier(address).alive()


def test_a_manager_that_does_not_listen_holds_nobody_up(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for _ in range(5000):
        notifier.alive()
    assert heard(manager) == "WATCHDOG=1"
