"""The HTTP application: one dispatcher over the route table.

For each request, in this order: the path, the method; who asks, how often, and what they may do; the path's ids, the
query, the body; then the handler. What any of these refuses is rendered once, at the end, in the surface's own shape.
Every answer bears X-Request-Id, and an answer to a known key the headers of the budget it spent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from math import ceil
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from trunkline.api import auth, decode, errors, limits, surfaces
from trunkline.api.errors import ErrorDetails, HttpRefusal
from trunkline.api.paths import Paths
from trunkline.api.porch import Answer, Porch
from trunkline.api.route import PARAMETERS, Ask, Reply, Route
from trunkline.api.surface import Surface
from trunkline.control.access.keys import Caller
from trunkline.control.access.permissions import ROLES
from trunkline.control.configuration.audit import ACTOR, SYSTEM, Actor
from trunkline.control.errors import Forbidden, Invalid, Limited, NotFound, Refusal
from trunkline.control.services import Services
from trunkline.control.window import Budget
from trunkline.model import ids
from trunkline.model.words import readable
from trunkline.store.rows.idempotency import Given

_LOG = logging.getLogger("trunkline.api")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_JSON_TYPES = re.compile(r"application/(?:[a-z0-9.-]+\+)?json")
_COUNT = re.compile(r"[1-9][0-9]{0,14}")
_LONGEST_BODY = 30.0
"""Seconds that a body may take to arrive."""

_AS_IN_MODEL: dict[str, str] = {}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "trunkline"}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    requests_per_hour: int = 1000
    """Of one key; 0 sets no limit."""
    body_limit: int = 256 * 1024
    """Bytes of a request body."""
    proxies: tuple[auth.Network, ...] = ()
    """Reverse proxies whose X-Forwarded-For is believed."""


class Door:
    """The dispatcher, and the little that it remembers between requests: how often each key has asked."""

    __slots__ = ("_general", "_options", "_paths", "_services", "_surfaces", "routes")

    def __init__(self, services: Services, among: Sequence[Surface], options: Options) -> None:
        self._services = services
        self._options = options
        self._surfaces = tuple(among)
        self.routes = tuple(route for surface in among for route in surface.routes)
        self._paths = Paths(self.routes)
        self._general = limits.general(options.requests_per_hour)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        request_id = self._request_id(request)
        headers = {"X-Request-Id": request_id, **_HEADERS}
        path = request.rel_url.raw_path
        fields: dict[str, str] = _AS_IN_MODEL
        surface = surfaces.find(path, self._surfaces)
        try:
            route, values = self._route(request.method, path)
            fields = route.fields
            given = await self._answer(request, route, values, request_id, headers, surface)
            headers |= route.headers
            if given.body or given.status != 204:
                headers["Content-Type"] = given.content_type
            return web.Response(body=given.body, status=given.status, headers=headers)
        except Refusal as refusal:
            code, message, status = refusal.code, refusal.message, errors.STATUS[type(refusal)]
            details = errors.details_of(refusal, fields, surface.prefixes)
            if status == 401:
                headers["WWW-Authenticate"] = "Bearer"
            elif refusal.code in limits.CODES:
                wait = int(headers["X-RateLimit-Reset"]) - self._services.state.wall()
                headers["Retry-After"] = str(max(1, ceil(wait)))
        except HttpRefusal as refusal:
            code, message, status, details = refusal.code, refusal.message, refusal.status, ErrorDetails()
            headers |= refusal.headers
        except Exception:  # noqa: BLE001 - whatever it is, its words are for the log, not for the caller
            _LOG.exception("request %s failed: %s %s", request_id, request.method, path)
            code, status, details = "server_error", 500, ErrorDetails()
            message = "Something went wrong here; the request id leads to it in the log."
        body = surface.render(code, readable(message), request_id, details)
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")

    def _request_id(self, request: web.Request) -> str:
        given = request.headers.get("X-Request-Id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given
        return f"req_{self._services.state.mint()}"

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        found = self._paths.find(path)
        if found is None:
            raise HttpRefusal("not_found", "There is nothing at this path.")
        routes, values = found
        route = routes.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = sorted({*routes, *(["HEAD"] if "GET" in routes else [])})
            raise HttpRefusal(
                "method_not_allowed", f"This path takes {', '.join(allowed)}.", {"Allow": ", ".join(allowed)}
            )
        return route, values

    async def _answer(
        self,
        request: web.Request,
        route: Route,
        values: dict[str, str],
        request_id: str,
        headers: dict[str, str],
        surface: Surface,
    ) -> Given:
        if route.permission is None:
            caller, organization_id, actor = _NOBODY, "", SYSTEM
        else:
            caller, source = self._admit(request, route.permission, headers)
            organization_id = await self._space(request, caller, route.permission)
            actor = Actor(
                key_id=caller.key_id, name=caller.name, role=caller.role, source=source, request_id=request_id
            )
        token = ACTOR.set(actor)
        try:
            if route.organization_named and "X-Organization-Id" not in request.headers:
                message = "X-Organization-Id is required here."
                raise Invalid("missing_required_field", message, field="X-Organization-Id")
            path_ids = {name: _id(name, text) for name, text in values.items()} if values else values
            query = None if route.query is None else decode.query(_pairs(request), route.query)
            taken = route.request is not None or route.raw
            raw = await self._read(request, route.bare) if taken else b""
            body = None if route.request is None else decode.body(raw or b"{}" if route.bare else raw, route.request)
            ask: Ask[Any, Any] = Ask(
                self._services, caller, organization_id, path_ids, body, query, request_id, request.headers, raw
            )

            async def work() -> Given:
                answer = await route.handler(ask)
                reply = answer if isinstance(answer, Reply) else Reply(answer, route.status)
                headers.update(reply.headers)
                encoded = reply.body if isinstance(reply.body, bytes) else _encoded(reply.body)
                return Given(reply.status, reply.content_type, encoded)

            key = request.headers.get("Idempotency-Key") if route.method == "POST" and caller.key_id else None
            if key is None:
                return await work()

            async def work_or_stand() -> Given:
                try:
                    return await work()
                except Refusal as refusal:
                    if not refusal.stands:
                        raise
                    # It is done all the same: whoever asks again must not be told that it may be tried once more.
                    details = errors.details_of(refusal, route.fields, surface.prefixes)
                    body = surface.render(refusal.code, readable(refusal.message), request_id, details)
                    return Given(errors.STATUS[type(refusal)], "application/json", body)

            # The organization too: an operator's key may ask the same for two of them.
            same = f"{request.rel_url.raw_path_qs}\n{organization_id}\n".encode() + raw
            given, again = await self._services.once.run(caller.key_id, key, same, work_or_stand)
            if again:
                headers["Idempotency-Replayed"] = "true"
            return given
        finally:
            ACTOR.reset(token)
            if route.budget == "import":
                self._show(self._services.numbers.budget(organization_id), headers)

    def _admit(self, request: web.Request, permission: str, headers: dict[str, str]) -> tuple[Caller, str]:
        """Who asks, and from where."""
        services = self._services
        source = auth.source(request.remote, request.headers.get("X-Forwarded-For"), self._options.proxies)
        caller = services.keys.identify(auth.presented(request.headers), source)
        limit = caller.requests_per_hour or self._options.requests_per_hour
        if limit:
            now = services.clock()
            taken = self._general.take(caller.key_id, now, limit=limit)
            self._show(self._general.budget(caller.key_id, now, limit=limit), headers)
            if not taken:
                raise Limited("rate_limit_exceeded", "Too many requests with this key: wait until X-RateLimit-Reset.")
        if permission not in caller.permissions:
            role = next(role for role, allowed in ROLES.items() if permission in allowed)
            raise Forbidden(
                "insufficient_permissions", f"This needs the permission {permission}, which the role {role} has."
            )
        if not caller.live and permission in _LIVE_ONLY:
            raise Forbidden("feature_not_enabled", "A test key reaches its sandbox, which has nothing of the kind.")
        return caller, source

    async def _space(self, request: web.Request, caller: Caller, permission: str) -> str:
        """The organization that a request acts in; a test key's is the sandbox of its own."""
        services = self._services
        asked = request.headers.get("X-Organization-Id")
        if caller.operator and caller.live:
            if permission in _ABOVE_ORGANIZATIONS:
                return caller.organization_id or ""
            if permission in _WITH_OR_WITHOUT and asked is None:
                return caller.organization_id or ""
        organization_id = auth.organization(caller, asked, services.state.catalogue.organizations)
        return organization_id if caller.live else await services.organizations.sandbox(organization_id)

    def _show(self, budget: Budget, headers: dict[str, str]) -> None:
        headers |= limits.headers(budget, self._services.state.wall())

    async def _read(self, request: web.Request, bare: bool) -> bytes:
        """The body; `bare`: there may be none. Raises `HttpRefusal` when it is no JSON by its words, or too large."""
        if bare and not request.can_read_body:
            return b""
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not _JSON_TYPES.fullmatch(kind):
            raise HttpRefusal("unsupported_media_type", "Send the body as Content-Type: application/json.")
        limit = self._options.body_limit
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        read = bytearray()
        try:
            async with asyncio.timeout(_LONGEST_BODY):
                async for chunk in request.content.iter_any():
                    read += chunk
                    if len(read) > limit:
                        raise _too_large(limit)
        except TimeoutError:
            message = f"The body did not arrive within {_LONGEST_BODY:g} seconds."
            raise HttpRefusal("request_timeout", message, {"Connection": "close"}) from None
        return bytes(read)


_NOBODY = Caller(key_id="", organization_id=None, role="viewer", permissions=frozenset(), live=True)
_ABOVE_ORGANIZATIONS = frozenset(
    {
        "organizations:read",
        "organizations:write",
        "refusals:read",
        "status:read",
        "bans:read",
        "bans:write",
        "verifications:read",
        "verifications:write",
    }
)
_WITH_OR_WITHOUT = frozenset({"audit:read"})
"""Of an operator who names no organization: about all of them."""
_LIVE_ONLY = frozenset({*_ABOVE_ORGANIZATIONS, "keys:read", "keys:write"})


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        # What a peer said goes through as it is, and may hold bytes that are no UTF-8.
        return readable(json.dumps(msgspec.to_builtins(body), ensure_ascii=False, separators=(",", ":"))).encode()


def _too_large(limit: int) -> HttpRefusal:
    return HttpRefusal("body_too_large", f"A body has at most {limit} bytes.", {"Connection": "close"})


def _id(name: str, text: str) -> str:
    """The bare id in a path. Raises `NotFound` when there can be no such thing."""
    kind = PARAMETERS[name]
    prefix, mark, _ = text.partition("_")
    bare = _counted(text) if kind.counted else ids.bare(text)
    if bare is None or (mark and prefix not in kind.prefixes):
        raise NotFound(kind.code, f"There is no {kind.noun} with this id.")
    return bare


def _counted(text: str) -> str | None:
    digits = text.rpartition("_")[2]
    return digits if _COUNT.fullmatch(digits) else None


def _pairs(request: web.Request) -> dict[str, str]:
    """The query, each parameter once. Raises `Invalid`."""
    pairs: dict[str, str] = {}
    for name, value in parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True):
        if name in pairs:
            raise Invalid("invalid_parameter", f"{name[:100]} is given twice.", field=name[:100])
        pairs[name] = value
    return pairs


def build(services: Services, options: Options | None = None) -> web.Application:
    """The application. `services.load()` must have run before its first request."""
    options = options or Options()
    porch = Porch(lambda: "", options.body_limit)
    porch.open(answering(services, options))
    return porch.app


def answering(services: Services, options: Options) -> Answer:
    """What the door answers with, once there is something behind it. It reads and bounds bodies itself."""
    return Door(services, surfaces.surfaces(services.brand), options).answer
