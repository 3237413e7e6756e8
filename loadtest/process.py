"""What the kernel says of a process tree and of sockets: CPU, memory, descriptors, dropped datagrams (proc(5))."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


class Failed(Exception):
    """A program did not do what a measurement stands on; the text says which and shows its last words."""


@contextmanager
def alone() -> Iterator[None]:
    """One load at a time on a machine: two would share its addresses and spoil each other's figures. Waits its turn."""
    path = Path(tempfile.gettempdir()) / "trunkline-load.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another load runs on this machine; waiting for its end", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def tree(root: int) -> list[int]:
    """`root` and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """User and system seconds of the tree so far, children that were waited for included."""
    ticks = 0
    for pid in tree(root):
        fields = _stat(pid)
        if fields is not None:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def resident_bytes(root: int) -> int:
    total = 0
    for pid in tree(root):
        try:
            total += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
        except OSError:
            continue
    return total


def descriptors(root: int) -> int:
    total = 0
    for pid in tree(root):
        try:
            total += len(os.listdir(_PROC / str(pid) / "fd"))
        except OSError:
            continue
    return total


def socket_drops(port: int) -> int:
    """Datagrams dropped by IPv4 UDP sockets bound to `port`, since they were opened."""
    drops = 0
    for line in (_PROC / "net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rsplit(":", 1)[1], 16) == port:
            drops += int(fields[-1])
    return drops


def wait_until(
    ready: Callable[[], bool], seconds: float, what: str, child: subprocess.Popen[bytes] | None = None
) -> None:
    """Raises `Failed` when `ready` stays false for so long, or when `child` ends meanwhile."""
    deadline = time.monotonic() + seconds
    while not ready():
        if child is not None and child.poll() is not None:
            raise Failed(f"{what}: ended with status {child.returncode}")
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def udp_bound(host: str, port: int) -> bool:
    """Whether an IPv4 UDP socket listens at exactly this address."""
    packed = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
    return f"{packed}:{port:04X}" in (_PROC / "net/udp").read_text()


def end(child: subprocess.Popen[bytes], seconds: float = 10.0, how: signal.Signals = signal.SIGTERM) -> None:
    """Ends a program that we started: politely, then not."""
    if child.poll() is None:
        child.send_signal(how)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/pid/stat after the command's name, which may itself hold spaces and brackets."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
