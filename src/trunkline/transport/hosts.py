"""The hosts file, which stands before DNS: for tests, containers, and operators who must redirect a name at once."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

_LARGEST = 1 << 20
_LOOPBACK = ("127.0.0.1", "::1")


class HostsFile:
    """Names of a hosts file; it is read again when it has changed, looked at most every few seconds."""

    __slots__ = ("_looked_at", "_names", "_path", "_stamp")

    _EVERY = 5.0

    def __init__(self, path: str | os.PathLike[str] = "/etc/hosts") -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int] | None = None
        self._looked_at: float | None = None
        self._names: dict[str, tuple[str, ...]] = {"localhost": _LOOPBACK}

    def get(self, name: str, now: float) -> tuple[str, ...] | None:
        """The literal addresses of a name in lower case; None when the file does not have it. `now` is monotonic
        seconds."""
        if self._looked_at is None or now - self._looked_at >= self._EVERY:
            self._looked_at = now
            self._look()
        return self._names.get(name)

    def _look(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp or status.st_size > _LARGEST:
                return
            text = self._path.read_text("utf-8", "replace")
        except OSError:
            return
        self._stamp = stamp
        self._names = read(text)


def read(text: str) -> dict[str, tuple[str, ...]]:
    """Names and addresses of a hosts file, in its order. Lines that make no sense are passed over."""
    names: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        try:
            address = str(ipaddress.ip_address(words[0]))
        except ValueError:
            continue
        for word in words[1:]:
            name = word.rstrip(".").lower()
            if address not in names.get(name, ()):
                names[name] = (*names.get(name, ()), address)
    names.setdefault("localhost", _LOOPBACK)
    return names
