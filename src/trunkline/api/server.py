"""The application on a socket: HTTP, or HTTPS when there is a certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from aiohttp import web

from trunkline.control.services import Services
from trunkline.transport.errors import ListenError, in_words
from trunkline.transport.tls import expires_at, load_chain

_FLUSH_EVERY = 30.0
_GRACE = 5.0


class Server:
    """A running API. Made by `start`, ended by `stop`."""

    __slots__ = ("_flusher", "_runner", "_services", "addresses")

    def __init__(self, runner: web.AppRunner, addresses: list[tuple[str, int]]) -> None:
        self._runner = runner
        self._services: Services | None = None
        self._flusher: asyncio.Task[None] | None = None
        self.addresses = addresses
        """Host and port of each listening socket."""

    def serve(self, services: Services) -> None:
        """These are behind it from now on: what they only note is written down now and then."""
        self._services = services
        self._flusher = asyncio.create_task(_flush(services))

    async def stop(self) -> None:
        """Let requests that are being answered end (5 s), and write down what was only noted. Once is enough."""
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
            self._flusher = None
        await self._runner.cleanup()
        if self._services is not None:
            await self._services.flush()
            self._services = None


async def start(
    app: web.Application, services: Services | None, host: str, port: int, tls: ssl.SSLContext | None = None
) -> Server:
    """Listen; without `services`, which then come by `serve`, for what `porch` answers. Port 0 takes a free one. Raises
    `ListenError` when the address cannot be had."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ListenError(f"the API cannot listen on {host} port {port}: {in_words(error)}") from None
    except BaseException:
        await runner.cleanup()
        raise
    addresses = [(address[0], address[1]) for address in runner.addresses]
    server = Server(runner, addresses)
    if services is not None:
        server.serve(services)
    return server


class Certificate:
    """What HTTPS shows. `renew` reads the files again, and the next connection meets what is in them."""

    __slots__ = ("_certificate", "_key", "context", "expires_at")

    def __init__(self, certificate: str, key: str | None = None) -> None:
        """From paths of PEM files; `key` is None when it is in the certificate's. Raises `CertificateError`."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.expires_at = 0.0
        """Unix seconds."""
        self.renew()

    def renew(self) -> None:
        """Raises `CertificateError` and then keeps what it had."""
        # First into a context of no use: half of a pair that does not belong together must not come into the live one.
        load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self._certificate, self._key, self._certificate)
        with open(self._certificate, "rb") as file:
            self.expires_at = expires_at(file.read())
        load_chain(self.context, self._certificate, self._key, self._certificate)


async def _flush(services: Services) -> None:
    while True:
        await asyncio.sleep(_FLUSH_EVERY)
        await services.flush()
