"""The application on a socket: HTTP, or HTTPS when there is a certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from aiohttp import web

from trunkline.control.services import Services

_FLUSH_EVERY = 30.0
_GRACE = 5.0


class Server:
    """A running API. Made by `start`, ended by `stop`."""

    __slots__ = ("_flusher", "_runner", "_services", "addresses")

    def __init__(
        self, runner: web.AppRunner, services: Services, flusher: asyncio.Task[None], addresses: list[tuple[str, int]]
    ) -> None:
        self._runner = runner
        self._services = services
        self._flusher = flusher
        self.addresses = addresses
        """Host and port of each listening socket."""

    async def stop(self) -> None:
        """Let requests that are being answered end (5 s), and write down what was only noted."""
        self._flusher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._flusher
        await self._runner.cleanup()
        await self._services.flush()


async def start(
    app: web.Application, services: Services, host: str, port: int, tls: ssl.SSLContext | None = None
) -> Server:
    """Listen. Port 0 takes a free one. Raises `OSError` when the address cannot be had."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    addresses = [(address[0], address[1]) for address in runner.addresses]
    return Server(runner, services, asyncio.create_task(_flush(services)), addresses)


def context(certificate: str, key: str | None = None) -> ssl.SSLContext:
    """A server's TLS context from PEM files. Raises `OSError` and `ssl.SSLError`."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(certificate, key)
    return made


async def _flush(services: Services) -> None:
    while True:
        await asyncio.sleep(_FLUSH_EVERY)
        await services.flush()
