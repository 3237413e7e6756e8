"""The door while the edge starts: it says that the process is alive, that it is not ready yet, and how far it has come.

A start may take long: a journal to be moved, tables to be brought up to date, a hundred thousand numbers to be read.
Whoever watches the process sees it at work, and nobody is refused a connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from trunkline import __version__
from trunkline.api.errors import Error, ErrorBody, ErrorDetails
from trunkline.api.native.status import Health, Ready

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "trunkline"}
_SOON = "1"
"""Seconds after which one may ask again."""


class Porch:
    """Its `app` listens from the beginning; `open` lets requests in."""

    __slots__ = ("_answer", "_progress", "app")

    def __init__(self, progress: Callable[[], str], body_limit: int) -> None:
        """`progress`: how far the start is, in words."""
        self._progress = progress
        self._answer: Answer | None = None
        self.app = web.Application(client_max_size=body_limit)
        # Any path at all, one with line ends in it too.
        self.app.router.add_route("*", r"/{path:[\s\S]*}", self._receive)

    def open(self, answer: Answer) -> None:
        self._answer = answer

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        if self._answer is not None:
            return await self._answer(request)
        path, reading = request.rel_url.raw_path, request.method in ("GET", "HEAD")
        words = f"the edge is starting: {self._progress()}"
        if path == "/healthz" and reading:
            return _json(200, Health("ok", __version__))
        if path == "/readyz" and reading:
            return _json(503, Ready("not_ready", [words]))
        refusal = ErrorBody("engine_unavailable", f"Ask again in a moment: {words}.", ErrorDetails(), "req_none")
        return _json(503, Error(refusal))


def _json(status: int, body: Any) -> web.Response:
    headers = _HEADERS if status == 200 else {**_HEADERS, "Retry-After": _SOON}
    encoded = msgspec.json.encode(body)
    return web.Response(body=encoded, status=status, headers=headers, content_type="application/json")
