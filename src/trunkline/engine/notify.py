"""Words to the service manager (sd_notify): ready, alive, stopping. Without one, nothing is said."""

from __future__ import annotations

import contextlib
import os
import socket


class Notifier:
    """Speaks to the socket that `NOTIFY_SOCKET` names."""

    __slots__ = ("_address",)

    def __init__(self, address: str | None = None) -> None:
        name = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name

    def ready(self) -> None:
        self._say(f"READY=1\nMAINPID={os.getpid()}")

    def alive(self) -> None:
        """At least twice in each `WatchdogSec`."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._address:
            return
        # A manager that cannot be told will see by itself.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(words.encode(), self._address)
