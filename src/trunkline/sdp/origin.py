"""The o= line that is ours on a leg (RFC 8866 §5.2, RFC 3264 §8).

Each leg has one session id for its whole life and a version that grows by one with every SDP that differs from the last
one sent on that leg. An unchanged SDP keeps its version, so that a session refresh is seen to change nothing.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.sdp.description import Description

_ORIGIN: Final = re.compile(rb"^(o=edge \d+ \d+) IN IP[46] [0-9A-Fa-f.:]+", re.MULTILINE).sub


class OurOrigin:
    """One leg's o= line. `stamp` is the only thing it does."""

    __slots__ = ("_address", "_content", "_head", "_tail", "_version")

    def __init__(self, session: int, address: str) -> None:
        """`session`: a number of at most 62 bits that no other leg has. `address`: a literal that we advertise."""
        # A name, not "-": peers in the field look for letters there (SIPp's own scenario `regexp` does).
        self._head = f"o=edge {session} "
        self._address = address
        self._tail = _tail(address)
        self._version = 0
        self._content: list[str] | None = None

    def move(self, address: str) -> None:
        """What we advertise on the leg is known only now: before anybody was told otherwise."""
        if address != self._address:
            self._address = address
            self._tail = _tail(address)

    @property
    def version(self) -> int:
        """Of the last SDP stamped; 0 before the first."""
        return self._version

    def stamp(self, description: Description) -> bytes:
        """The description encoded with our o= line in the place of its own."""
        lines = description.session.copy()
        for section in description.media:
            lines += section.lines
        at = description.origin_at
        end = "\r" if lines[at].endswith("\r") else ""
        lines[at] = ""
        if lines != self._content:
            self._content = lines.copy()
            self._version += 1
        lines[at] = f"{self._head}{self._version}{self._tail}{end}"
        return description.end.join(lines).encode("utf-8", "surrogateescape")


def relocated(body: bytes, address: str) -> bytes:
    """A description that we made, or a body that holds one, with another address in its o= line."""
    return _ORIGIN(lambda found: found[1] + _tail(address).encode(), body, count=1)


def _tail(address: str) -> str:
    return f" IN {'IP6' if ':' in address else 'IP4'} {address}"
