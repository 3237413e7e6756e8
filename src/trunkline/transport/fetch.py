"""Certificates by https, for calls that wait for them: bounded in size, time and number, and remembered.

Whoever calls names the URL, so it is looked at with suspicion: no redirection is followed, no cookie kept, no proxy of
the environment asked, and only public addresses are spoken to, those that the name leads to at that very moment;
others where the operator has named their networks.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from time import monotonic

import aiodns
import aiohttp
from aiodns.error import DNSError
from aiohttp.abc import AbstractResolver, ResolveResult

from trunkline.call.inputs import Fetched, Input

_LARGEST = 65_536
"""Bytes of an answer: chains have below ten thousand."""
_LONGEST = 5.0
"""Seconds of one request. A call waits for less; the next one has what came."""
_AT_ONCE = 32
_MOST = 512
"""URLs that are remembered."""
_WAITING = 256
"""Calls that wait for one URL."""
_USUAL, _LEAST, _MOST_AGE = 3600.0, 60.0, 86_400.0
"""Seconds that an answer is remembered: when it does not say, and at least and at most when it does."""
_FAILED = 10.0
"""Seconds that a failure is."""
_MAX_AGE = re.compile(r"(?:^|[,\s])(?:s-maxage|max-age)\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NEVER = re.compile(r"no-store|no-cache", re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Fetcher:
    """`fetch` answers at once when it can; otherwise `give` gets the answer later."""

    __slots__ = (
        "_context", "_give", "_kept", "_names", "_networks", "_reaches", "_session", "_tasks", "_waiting", "failed",
        "fetched",
    )  # fmt: skip

    def __init__(
        self,
        give: Callable[[Input], None],
        reaches: Callable[[Address], bool] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`reaches`: which addresses may be spoken to; public ones unless it is given. `context`: whom to trust for
        https; the system's authorities unless it is given."""
        self._give = give
        self._reaches = reaches or public
        self._networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._names: _Guarded | None = None
        self._kept: dict[str, tuple[float, bytes | None]] = {}
        """By URL: until when it holds, and what came. The oldest first."""
        self._waiting: dict[str, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.fetched = 0
        self.failed = 0

    def allow(self, networks: Iterable[str]) -> None:
        """Speak to these CIDR blocks too, from now on. What could not be had before is asked for anew."""
        self._networks = tuple(ipaddress.ip_network(text) for text in networks)
        self._kept = {url: kept for url, kept in self._kept.items() if kept[1] is not None}

    def __len__(self) -> int:
        """Questions whose answer is still to be given."""
        return sum(map(len, self._waiting.values()))

    def fetch(self, url: str, call: str) -> Fetched | None:
        """The certificates at an https URL, for a call. Called from the event loop."""
        kept = self._kept.get(url)
        if kept is not None and kept[0] > monotonic():
            return Fetched(call, kept[1])
        waiting = self._waiting.get(url)
        if waiting is not None and len(waiting) < _WAITING:
            waiting.append(call)
            return None
        if waiting is not None or len(self._tasks) >= _AT_ONCE:
            return Fetched(call, None)
        self._waiting[url] = [call]
        task = asyncio.get_running_loop().create_task(self._later(url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None

    async def close(self) -> None:
        """Give no more answers."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._names is not None:
            await self._names.close()
            self._names = None

    async def _later(self, url: str) -> None:
        body, age = await self._get(url)
        self._kept.pop(url, None)
        if len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = (monotonic() + age, body)
        if body is None:
            self.failed += 1
        else:
            self.fetched += 1
        for call in self._waiting.pop(url, ()):
            self._give(Fetched(call, body))

    async def _get(self, url: str) -> tuple[bytes | None, float]:
        """What is there, None when it cannot be had, and for how long that holds."""
        try:
            async with asyncio.timeout(_LONGEST), self._opened().get(url, allow_redirects=False) as answer:
                if answer.status != 200 or not self._may(answer.url.host or ""):
                    return None, _FAILED
                body = bytearray()
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > _LARGEST:
                        return None, _FAILED
                return bytes(body), _age(answer.headers.get("Cache-Control", ""))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None, _FAILED

    def _may(self, host: str) -> bool:
        """Whether a literal address may be spoken to: names are looked at by the resolver."""
        try:
            return self._speaks_to(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            return True

    def _speaks_to(self, address: Address) -> bool:
        return self._reaches(address) or any(address in network for network in self._networks)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._names = _Guarded(self._speaks_to)
            connector = aiohttp.TCPConnector(
                resolver=self._names,
                use_dns_cache=False,
                limit=_AT_ONCE,
                ssl=self._context if self._context is not None else True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                connector_owner=True,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"Accept": "application/pem-certificate-chain, application/pkix-cert, */*;q=0.1"},
                middlewares=(self._literal,),
            )
        return self._session

    async def _literal(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """A literal address asks no resolver: it is looked at before anything is sent."""
        if not self._may(request.url.host or ""):
            raise aiohttp.ClientError(f"{request.url.host} is not to be reached")
        return await handler(request)


class _Guarded(AbstractResolver):
    """Names lead to addresses that may be reached, or nowhere. They take no thread: whoever calls names them, and one
    whose servers are silent would hold a thread that others wait for."""

    def __init__(self, reaches: Callable[[Address], bool]) -> None:
        self._dns = aiodns.DNSResolver(timeout=0.8, tries=2)
        self._reaches = reaches

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            found = await self._dns.getaddrinfo(host, family, port=port, type=socket.SOCK_STREAM)
        except DNSError as error:
            raise OSError(f"{host}: {error.args[-1]}") from None
        addresses = [(node.family, node.addr[0].decode("ascii")) for node in found.nodes]
        allowed = [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in addresses
            if self._reaches(ipaddress.ip_address(address.partition("%")[0]))
        ]
        if not allowed:
            raise OSError(f"{host} leads to no address that may be reached")
        return allowed

    async def close(self) -> None:
        await self._dns.close()


def public(address: Address) -> bool:
    """Whether an address is of the internet at large, looked at through what wraps an IPv4 address in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return public(inner)
        if address.teredo is not None or address.is_site_local or address in _TRANSLATED:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def _age(cache_control: str) -> float:
    """Seconds that an answer may be remembered (RFC 9111 §5.2.2)."""
    if _NEVER.search(cache_control):
        return _LEAST
    match = _MAX_AGE.search(cache_control)
    return _USUAL if match is None else min(_MOST_AGE, max(_LEAST, float(match[1])))
