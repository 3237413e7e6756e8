"""A browser without a window, driven over its debugging protocol (CDP): pages as people get them, script and all."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

PATIENCE = 60.0


class Browser:
    """One page of a running browser."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._count = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.faults: list[str] = []
        """What the page's script threw, and what its policy forbade."""
        self.asked: list[str] = []
        """Every address that it asked for."""

    async def listen(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Runtime.exceptionThrown":
                details = said["params"]["exceptionDetails"]
                self.faults.append(details.get("exception", {}).get("description", details["text"]))
            elif said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.faults.append(said["params"]["entry"]["text"])
            elif said["method"] == "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])

    async def do(self, method: str, **params: Any) -> Any:
        number = next(self._count)
        told = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(told, PATIENCE)
        assert "error" not in answer, answer
        return answer["result"]

    async def open(self, url: str, width: int = 1200, height: int = 900) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.do(f"{domain}.enable")
        await self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.do("Page.navigate", url=url)
        await self.until(f"location.href.startsWith('{url}') && document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        found = await self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str) -> Any:
        """What an expression gives as soon as that is something."""
        return await asyncio.wait_for(
            self.run(
                "new Promise((done) => { const look = () => { const found = (() => (" + script + "))(); "
                "if (found) done(found); else setTimeout(look, 20); }; look(); })"
            ),
            PATIENCE,
        )

    async def picture(self, file: Path) -> None:
        found = await self.do("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(found["data"]))


@contextlib.asynccontextmanager
async def browser(program: str, folder: Path) -> AsyncIterator[Browser]:
    """A browser of its own, with its files in `folder`."""
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told = folder / "DevToolsActivePort"
        async with asyncio.timeout(PATIENCE):
            while not (told.exists() and told.read_text().strip()):
                assert process.returncode is None, "the browser ended"
                await asyncio.sleep(0.02)
        port = told.read_text().split()[0]
        async with ClientSession() as session:
            pages = await (await session.get(f"http://127.0.0.1:{port}/json")).json()
            target = next(each for each in pages if each["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                made = Browser(socket)
                listening = asyncio.create_task(made.listen())
                try:
                    yield made
                finally:
                    listening.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
