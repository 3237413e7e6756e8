"""Words to the service manager (sd_notify(3)): ready, alive, reloading, stopping. Without one, nothing is said."""

from __future__ import annotations

import contextlib
import os
import socket
from time import CLOCK_MONOTONIC, clock_gettime_ns


class Notifier:
    """Speaks to the socket that `NOTIFY_SOCKET` names."""

    __slots__ = ("_address",)

    def __init__(self, address: str | None = None) -> None:
        """`address`: the socket's path, or `@name` of an abstract one; None: as the environment says."""
        name = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name

    def ready(self, status: str = "") -> None:
        """The start, or a reload, is done."""
        self._say(f"READY=1\nMAINPID={os.getpid()}", status)

    def starting(self, seconds: float, status: str) -> None:
        """The start goes on, and may take so much longer, whatever `TimeoutStartSec` says."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}", status)

    def alive(self) -> None:
        """At least twice in each `WatchdogSec`."""
        self._say("WATCHDOG=1")

    def reloading(self) -> None:
        """Followed by `ready`."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")

    def stopping(self, seconds: float, status: str = "") -> None:
        """The end has begun and may take so long, whatever `TimeoutStopSec` says."""
        self._say(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}", status)

    def _say(self, words: str, status: str = "") -> None:
        if not self._address:
            return
        if status:
            words += f"\nSTATUS={status}"
        # A manager that cannot be told will see by itself; and the loop never waits for it.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out,
        ):
            out.sendto(words.encode(), self._address)
