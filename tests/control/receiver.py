"""A webhook's receiver on a real socket: it notes what comes, and answers as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from tests.web import everywhere, serving


class Taken(NamedTuple):
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)


class Receiver:
    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.answers: list[int | str] = []
        """What the next requests are answered; `silence` and `redirect` too. Then 200."""
        self.always: int | str = 200
        self.silent: set[str] = set()
        """Paths at which nothing is ever answered."""
        self.met = asyncio.Event()
        """Something has come."""
        self.base = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.taken.append(Taken(request.path, dict(request.headers), await request.read()))
        self.met.set()
        if request.path in self.silent:
            await asyncio.sleep(30)
        answer = self.answers.pop(0) if self.answers else self.always
        if answer == "silence":
            await asyncio.sleep(30)
        if answer == "redirect":
            return web.Response(status=307, headers={"Location": f"{self.base}/elsewhere"})
        return web.Response(status=int(answer), text="thanks")

    @property
    def events(self) -> list[str]:
        return [each.json["event"] for each in self.taken]


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(everywhere(receiver.take)) as receiver.base:
        yield receiver
