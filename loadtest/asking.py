"""Clients of the API that ask at a steady rate, over connections that stay open: programs, not people.

The rate does not wait for answers: a request is due when its time has come, and what it waits for a free connection
counts as its own. `MIX` is what they ask. Run as a program it is one process of its own, so that its work is not the
measurer's: it reads what to ask from stdin and writes what came of it to stdout, both as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from typing import Any, NamedTuple

import msgspec

CONNECTIONS = 16
LATE = 5.0
"""Seconds after the last request was due in which answers still count."""


class Kind(NamedTuple):
    share: int
    """Of a hundred requests."""
    name: str
    method: str
    path: str
    """`{number}`, `{agent}`, `{trunk}` and `{call}` stand for one of those that there are."""
    body: str = ""


MIX = (
    Kind(20, "a number", "GET", "/v1/phone-numbers/{number}"),
    Kind(20, "a page of numbers", "GET", "/v1/phone-numbers?per_page=20&page={page}"),
    Kind(10, "a call", "GET", "/v1/calls/{call}"),
    Kind(15, "a page of calls", "GET", "/v1/calls?per_page=20"),
    Kind(5, "calls that go on", "GET", "/v1/calls/live"),
    Kind(10, "an agent", "GET", "/v1/agents/{agent}"),
    Kind(5, "a trunk", "GET", "/v1/sip/trunks/{trunk}"),
    Kind(5, "all trunks", "GET", "/v1/sip/trunks"),
    Kind(8, "a number is changed", "PATCH", "/v1/phone-numbers/{number}", '{{"label": "Label {any}"}}'),
    Kind(2, "an agent is changed", "PATCH", "/v1/agents/{agent}", '{{"name": "Agent {any}"}}'),
)
"""What is asked; the shares make a hundred."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    keys: tuple[str, ...]
    """Taken in turn: each has a budget of its own."""
    rate: float
    seconds: float
    things: dict[str, tuple[str, ...]]
    """Ids by what stands for them in a path."""
    seed: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    asked: int
    answered: int
    """With a status below 400."""
    refused: dict[str, int]
    """The other answers, by status; `lost` are those without any."""
    seconds: float
    slow: dict[str, tuple[int, float, float]]
    """By kind: how many, and the seconds that half and that 99 % of them took at most."""

    @property
    def rate(self) -> float:
        return self.asked / self.seconds if self.seconds else 0.0


class _Line(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, crowd: _Crowd) -> None:
        self.crowd = crowd
        self.kind = ""
        self.since = 0.0
        self._taken = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.crowd.free(self)

    def ask(self, request: bytes, kind: str, since: float) -> None:
        assert self.transport is not None
        self.kind, self.since = kind, since
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._taken += data
        head = self._taken.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._taken, 0, head)
        size = int(length[1]) if length is not None else 0
        if len(self._taken) >= head + 4 + size:
            status = int(self._taken[9:12])
            self._taken.clear()
            self.crowd.told(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.gone(self)


class _Crowd:
    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.chance = random.Random(wish.seed)
        self.kinds = [kind for kind in MIX for _ in range(kind.share)]
        self.idle: deque[_Line] = deque()
        self.waiting: deque[float] = deque()
        self.asked = 0
        self.answered = 0
        self.refused: dict[str, int] = {}
        self.taken: dict[str, list[float]] = {kind.name: [] for kind in MIX}

    async def run(self) -> Told:
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: _Line(self), self.wish.host, self.wish.port)
        begun = time.monotonic()
        due = 0
        while due < self.wish.rate * self.wish.seconds:
            now = time.monotonic()
            while due < (now - begun) * self.wish.rate:
                self.waiting.append(begun + due / self.wish.rate)
                due += 1
            self.serve()
            await asyncio.sleep(max(0.0005, begun + due / self.wish.rate - time.monotonic()))
        end = time.monotonic() + LATE
        while self.answered + sum(self.refused.values()) < due and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        lost = due - self.answered - sum(self.refused.values())
        if lost:
            self.refused["lost"] = self.refused.get("lost", 0) + lost
        return Told(
            asked=self.asked,
            answered=self.answered,
            refused=self.refused,
            seconds=self.wish.seconds,
            slow={name: _spread(taken) for name, taken in self.taken.items() if taken},
        )

    def serve(self) -> None:
        while self.waiting and self.idle:
            kind = self.chance.choice(self.kinds)
            self.idle.popleft().ask(self._request(kind), kind.name, self.waiting.popleft())
            self.asked += 1

    def free(self, line: _Line) -> None:
        self.idle.append(line)
        self.serve()

    def told(self, line: _Line, status: int) -> None:
        if status < 400:
            self.answered += 1
            self.taken[line.kind].append(time.monotonic() - line.since)
        else:
            self.refused[str(status)] = self.refused.get(str(status), 0) + 1
        self.free(line)

    def gone(self, line: _Line) -> None:
        if line in self.idle:
            self.idle.remove(line)

    def _request(self, kind: Kind) -> bytes:
        chosen: dict[str, Any] = {name: self.chance.choice(ids) for name, ids in self.wish.things.items()}
        chosen |= {"page": self.chance.randint(1, 10), "any": self.chance.randrange(10_000)}
        key = self.wish.keys[self.asked % len(self.wish.keys)]
        body = kind.body.format_map(chosen).encode()
        typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        return (
            f"{kind.method} {kind.path.format_map(chosen)} HTTP/1.1\r\nHost: {self.wish.host}\r\n"
            f"Authorization: Bearer {key}\r\n{typed}\r\n"
        ).encode() + body


_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _spread(taken: list[float]) -> tuple[int, float, float]:
    taken.sort()
    last = len(taken) - 1
    return len(taken), taken[round(last * 0.5)], taken[round(last * 0.99)]


class Operator:
    """One who asks, and waits for each answer."""

    def __init__(self, url: str, key: str, organization: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "X-Organization-Id": organization}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        headers, data = self._headers, None
        if body is not None:
            headers, data = {**headers, "Content-Type": "application/json"}, json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def main() -> int:
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    told = asyncio.run(_Crowd(wish).run())
    sys.stdout.buffer.write(msgspec.json.encode(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
