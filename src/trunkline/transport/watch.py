"""Tells when a socket can be read or written, without its errors.

A socket that keeps the network's errors (`transport.unreached`) is ready with one like with a datagram, and that libuv
takes for the end of the socket: it never looks at it again. An epoll of our own between the two is read only, costs no
system call, and is the same for every loop.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable


class Watch:
    """Of one socket. `ready` is called when it can be read, has an error, or, while that is wanted, can be written."""

    __slots__ = ("_loop", "_number", "_poll", "_ready")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, number: int, ready: Callable[[], None], *, errors: bool
    ) -> None:
        """`errors`: whether the socket keeps errors."""
        self._loop = loop
        self._number = number
        self._ready = ready
        self._poll: select.epoll | None = None
        if sys.platform == "linux" and errors:
            self._poll = select.epoll()
            self._poll.register(number, select.EPOLLIN)
        loop.add_reader(number if self._poll is None else self._poll.fileno(), ready)

    @property
    def descriptors(self) -> int:
        """How many it costs beside the socket's."""
        return 1 if self._poll is not None and not self._poll.closed else 0

    def write(self, wanted: bool) -> None:
        """Whether it is to be told that the socket can be written."""
        if self._poll is not None:
            self._poll.modify(self._number, select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN)
        elif wanted:
            self._loop.add_writer(self._number, self._ready)
        else:
            self._loop.remove_writer(self._number)

    def close(self) -> None:
        """Look at it no more; before the socket is closed."""
        if self._poll is not None:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
        else:
            self._loop.remove_reader(self._number)
            self._loop.remove_writer(self._number)
