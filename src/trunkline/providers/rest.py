"""HTTP as all providers' clients need it: bounded in time and size, repeated only where that is safe, and every failure
a `ProviderError` that names no credential.

A request is repeated after a pause when it changes nothing (or may be done twice), and when it certainly was not done:
the connection could not be made, or the answer was 429. A request that changes something and whose answer was lost is
`uncertain`, and is left to the caller, who can look.
"""

from __future__ import annotations

import asyncio
import random
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import aiohttp
import msgspec

from trunkline.model.secret import Secret
from trunkline.providers.values import Fault, ProviderError

T = TypeVar("T")

_LARGEST = 4 * 1024 * 1024
"""Bytes of an answer."""
_LONGEST_WORDS = 300
_LONGEST_PAUSE = 8.0
_CREDENTIALS = (401, 403)
_BRIEF = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that another try may change."""


class Reply(NamedTuple):
    status: int
    body: bytes
    retry_after: float | None


Words = Callable[[Any], str | None]
"""The provider's own words in the JSON of an error; None when there are none."""


class Rest:
    """The HTTP client of all providers: one pool of connections, made when it is first used. `close` it at the end."""

    __slots__ = ("_chance", "_session", "_sleep", "_timeout", "_tries")

    def __init__(
        self,
        timeout: float = 15.0,
        tries: int = 3,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`timeout`: seconds of one try. `tries`: how often a request is sent at most."""
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(5.0, timeout))
        self._tries = tries
        self._sleep = sleep
        self._chance = chance
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        provider: str,
        method: str,
        url: str,
        *,
        hide: Sequence[Secret] = (),
        words: Words = lambda _: None,
        safe: bool | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        basic: tuple[str, str] | None = None,
    ) -> Reply:
        """The answer, when its status is 2xx. `safe`: whether the request may be done twice; None: GET alone. `hide`:
        what must not stand in an error, whoever echoes it. Raises `ProviderError`."""
        repeatable = method == "GET" if safe is None else safe
        body: bytes | None = None
        sent = {"Accept": "application/json", "User-Agent": "trunkline", **(headers or {})}
        if json is not None:
            body, sent["Content-Type"] = msgspec.json.encode(json), "application/json"
        if basic is not None:
            pair = b64encode(":".join(basic).encode()).decode("ascii")
            sent["Authorization"] = f"Basic {pair}"
        for tried in range(1, self._tries + 1):
            last = tried == self._tries
            try:
                reply = await self._once(method, url, sent, query, form if body is None else body)
            except aiohttp.ClientConnectorError:
                # Nothing was sent: even a purchase may be tried again.
                if last:
                    raise ProviderError("unavailable", f"{provider} cannot be reached.", provider=provider) from None
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                lost = "did not answer in time" if isinstance(error, TimeoutError) else "broke off its answer"
                if not repeatable:
                    raise ProviderError(
                        "uncertain", f"{provider} {lost}; it may have done what was asked.", provider=provider
                    ) from None
                if last:
                    raise ProviderError("unavailable", f"{provider} {lost}.", provider=provider) from None
            else:
                if 200 <= reply.status < 300:
                    return reply
                again = reply.status == 429 or (repeatable and reply.status in _BRIEF)
                if last or not again:
                    raise _refusal(provider, reply, words, hide, repeatable)
                if reply.retry_after is not None:
                    await self._sleep(min(reply.retry_after, _LONGEST_PAUSE))
                    continue
            await self._sleep(min(_LONGEST_PAUSE, 0.25 * 2**tried) * (0.5 + self._chance()))
        raise AssertionError("the last try returns or raises")

    async def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        data: Any,
    ) -> Reply:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        async with self._session.request(
            method, url, headers=headers, params=query, data=data, allow_redirects=False
        ) as answer:
            read = bytearray()
            async for chunk in answer.content.iter_any():
                read += chunk
                if len(read) > _LARGEST:
                    raise ValueError("too large")
            return Reply(answer.status, bytes(read), _seconds(answer.headers.get("Retry-After")))


def read(provider: str, reply: Reply, kind: type[T], *, changed: bool = False) -> T:
    """The answer's JSON as `kind`; fields that are not known are passed over. `changed`: the request did something, so
    that an answer which cannot be read leaves it uncertain. Raises `ProviderError`."""
    try:
        return msgspec.json.decode(reply.body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fault: Fault = "uncertain" if changed else "unavailable"
        raise ProviderError(
            fault, f"{provider} answered what is not in its own description.", provider=provider, status=reply.status
        ) from None


def done(provider: str, reply: Reply) -> None:
    """The answer to a request whose answer says nothing: empty, or JSON. Anything else was said by somebody between,
    and leaves it uncertain. Raises `ProviderError`."""
    if reply.body.strip():
        read(provider, reply, msgspec.Raw, changed=True)


def _refusal(provider: str, reply: Reply, words: Words, hide: Sequence[Secret], repeatable: bool) -> ProviderError:
    said: str | None = None
    try:
        said = words(msgspec.json.decode(reply.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError, AttributeError):
        pass
    fault: Fault = "refused"
    if reply.status in _CREDENTIALS:
        fault = "credentials"
    elif reply.status == 429:
        fault = "busy"
    elif reply.status >= 500 or reply.status == 408:
        fault = "unavailable" if repeatable else "uncertain"
    elif reply.status < 400:
        fault = "unavailable"
    told = f": {clean(said, hide)}" if said else ""
    return ProviderError(fault, f"{provider} answered {reply.status}{told}", provider=provider, status=reply.status)


def clean(text: str, hide: Sequence[Secret] = ()) -> str:
    """Somebody else's words as they may be shown: one line, bounded, without these secrets."""
    for secret in hide:
        if secret:
            text = text.replace(secret.reveal(), "•••")
    line = re.sub(r"\s+", " ", "".join([c if c.isprintable() or c.isspace() else " " for c in text])).strip()
    return line if len(line) <= _LONGEST_WORDS else line[:_LONGEST_WORDS] + "…"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
