"""One who asks the API over one connection, and waits for each answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

Json = Any


class Answer(NamedTuple):
    status: int
    body: Json

    @property
    def done(self) -> bool:
        return self.status < 300


class Api:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader, self._writer, self._key = reader, writer, key

    @classmethod
    async def open(cls, host: str, port: int, key: str) -> Api:
        return cls(*await asyncio.open_connection(host, port), key)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, method: str, path: str, body: Json = None, *, organization: str) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        typed = "" if body is None else "Content-Type: application/json\r\n"
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: edge\r\nX-API-Key: {self._key}\r\nX-Organization-Id: {organization}\r\n"
            f"{typed}Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("\r\ncontent-length:")[2].partition("\r\n")[0])
        text = await self._reader.readexactly(length)
        return Answer(int(head[9:12]), json.loads(text) if text else None)

    async def get(self, path: str, *, organization: str) -> Json:
        answer = await self.ask("GET", path, organization=organization)
        assert answer.done, (path, answer)
        return answer.body

    async def all(self, path: str, *, organization: str) -> list[Json]:
        """A list whole."""
        found: list[Json] = []
        while True:
            page = await self.get(f"{path}?per_page=100&page={1 + len(found) // 100}", organization=organization)
            found += page["data"]
            if len(page["data"]) < 100:
                return found
