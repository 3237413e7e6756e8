"""dnsmasq on loopback: a name server that is not ours, with the records that a test gives it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from loadtest.peers.ports import free


def needed() -> str:
    """Its path. Skips the test, with a reason that CI does not accept, where it is not installed."""
    found = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin")
    if found is None:
        pytest.skip("tool: dnsmasq is not installed (Debian: dnsmasq-base)")
    return found


class Dnsmasq:
    """One server; `serve` starts it, or starts it anew with other records."""

    def __init__(self, folder: Path) -> None:
        self._binary = needed()
        self._folder = folder
        # An address of its own: who asks from 127.0.0.1 cannot have taken the port when it comes back.
        self._host = f"127.{20 + os.getpid() % 70}.53.{1 + os.getpid() // 70 % 250}"
        self._port = free(self._host)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def serve(self, *records: str) -> None:
        """With these lines of its configuration: host-record=, srv-host=, naptr-record=, cname=."""
        self.stop()
        path = self._folder / "dnsmasq.conf"
        lines = ["no-resolv", "no-hosts", "no-daemon", "bind-interfaces", "local=/test/", "user=", "group="]
        lines += [f"listen-address={self._host}", f"port={self._port}", *records]
        path.write_text("\n".join(lines) + "\n")
        with (self._folder / "dnsmasq.out").open("ab") as out:
            self._process = subprocess.Popen(
                [self._binary, f"--conf-file={path}", "--pid-file="], stdout=out, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 10
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self._folder / "dnsmasq.out").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None

    def _answers(self) -> bool:
        question = b"\0\1\1\0\0\1\0\0\0\0\0\0\4test\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            try:
                asking.connect((self._host, self._port))
                asking.send(question)
                return bool(asking.recv(512))
            except OSError:
                return False
