"""Posting to addresses that customers name: never to one of this host or its private networks, unless that is allowed.

The name is resolved here, and the connection goes to the very addresses that were looked at, so that a name which leads
elsewhere the second time leads nowhere. Redirections are not followed; the time and what is read of the answer are
bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

_TIMEOUT = 10.0
_READ = 4096
_LOOKUPS = 64
"""Names that are looked up at a time."""
_LOOKED_UP: ContextVar[list[asyncio.Future[None]]] = ContextVar("looked_up")
"""The lookups of one `send`: each is done when its thread has ended."""
_SHOWN = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(OSError):
    """The target may not be posted to."""


class Posted(NamedTuple):
    status: int | None
    """None when there was no answer."""
    error: str | None
    answer: str | None
    """The beginning of the answer's body."""
    seconds: float

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Post:
    """`close` it at the end."""

    __slots__ = ("_allow_private", "_names", "_session", "_timeout")

    def __init__(
        self, *, allow_private: bool = False, timeout: float = _TIMEOUT, resolver: AbstractResolver | None = None
    ) -> None:
        """`allow_private`: whether addresses that are not public may be posted to. `timeout`: seconds, of all of it."""
        self._allow_private = allow_private
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(5.0, timeout))
        self._names = _Guarded(resolver or _Threads(), allow_private=allow_private)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """What came of it; never raises for what the other side does. A name is given up in time, but holds its thread
        until the system gives it up too. Only then does this return: who bounds what is sent at a time bounds the
        threads with it."""
        lookups: list[asyncio.Future[None]] = []
        _LOOKED_UP.set(lookups)
        posted = await self._posted(url, body, headers)
        if lookups:
            await asyncio.wait(lookups)
        return posted

    async def _posted(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        began = monotonic()
        try:
            literal = self.refusal(url)
            if literal is not None:
                return Posted(None, literal, None, 0.0)
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False, timeout=self._timeout
            ) as answer:
                text = (await _beginning(answer)).decode("utf-8", "replace")
                shown = "".join([c if c.isprintable() or c == "\n" else " " for c in text])[:_SHOWN]
                error = None if 200 <= answer.status < 300 else f"answered {answer.status}"
                return Posted(answer.status, error, shown or None, monotonic() - began)
        except TimeoutError:
            return Posted(None, "no answer in time", None, monotonic() - began)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Posted(None, _words(error), None, monotonic() - began)

    def refusal(self, url: str) -> str | None:
        """Why this URL may not be posted to, as far as it shows without asking DNS; None when it may."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return "this is no URL"
        if parts.scheme not in ("http", "https") or not host or parts.username is not None or port == 0:
            return "this is no http or https URL without credentials"
        if self._allow_private:
            return None
        if host == "localhost" or host.endswith(".localhost"):
            return "its host is this host"
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            # Digits that some system would read as an address are no name.
            return "its host is no name" if host.replace(".", "").isdigit() or host.startswith("0x") else None
        return None if public(address) else "its address is not public"

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=self._names, use_dns_cache=False, limit=64)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session


class _Threads(AbstractResolver):
    """The system's resolver, in threads of its own: a customer's name whose servers are silent holds one for half a
    minute. Nobody else who looks up names or reads files waits for that, and a process that ends does not."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[list[ResolveResult]] = loop.create_future()
        ended: asyncio.Future[None] = loop.create_future()

        def tell(found: list[ResolveResult] | OSError) -> None:
            self._room.release()
            if not ended.done():
                ended.set_result(None)
            if told.done():
                return  # nobody waits any more
            if isinstance(found, OSError):
                told.set_exception(found)
            else:
                told.set_result(found)

        def look() -> None:
            found = _addresses(host, port, family)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(tell, found)

        await self._room.acquire()
        try:
            threading.Thread(target=look, name="a webhook's name", daemon=True).start()
        except RuntimeError:
            self._room.release()
            raise OSError("the system has no thread to look up its name in") from None
        _LOOKED_UP.get([]).append(ended)
        return await told

    async def close(self) -> None:
        """Nothing is kept."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult] | OSError:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError as error:
        return error
    except UnicodeError:
        return OSError("no name can be written like this")
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in found
    ]


class _Guarded(AbstractResolver):
    """Names lead to public addresses or nowhere."""

    def __init__(self, resolver: AbstractResolver, *, allow_private: bool) -> None:
        self._resolver = resolver
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if self._allow_private:
            return found
        allowed = [each for each in found if public(ipaddress.ip_address(each["host"].partition("%")[0]))]
        if not allowed:
            raise Refused(f"{host} leads to an address that is not public")
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


def public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is of the internet at large, looked at through what wraps an IPv4 address in IPv6."""
    inner: Any = address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            inner = address.ipv4_mapped
        elif address.sixtofour is not None:
            inner = address.sixtofour
        elif address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        elif address.teredo is not None or address.is_site_local:
            return False
    return bool(inner.is_global and not inner.is_multicast and not inner.is_reserved)


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    return await answer.content.read(_READ)


def _words(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, Refused) else error
    if isinstance(cause, Refused):
        return str(cause)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host is not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not good"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection: {error.os_error.strerror or 'refused'}"
    return "it broke off"
