"""A route as data, and what its handler gets and gives. The dispatcher, the document and the tests all read this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from trunkline.control.access.keys import Caller
from trunkline.control.services import Services

B = TypeVar("B")
Q = TypeVar("Q")

_NONE: Mapping[str, str] = {}

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Ask(Generic[B, Q]):
    """One request, read: whom it comes from, what it names, its body and its query."""

    __slots__ = ("services", "caller", "organization_id", "ids", "body", "query", "request_id", "headers", "raw")

    def __init__(
        self,
        services: Services,
        caller: Caller,
        organization_id: str,
        ids: dict[str, str],
        body: B,
        query: Q,
        request_id: str,
        headers: Mapping[str, str] = _NONE,
        raw: bytes = b"",
    ) -> None:
        self.services = services
        self.caller = caller
        self.organization_id = organization_id
        """The organization it acts in."""
        self.ids = ids
        """Path parameters, as bare ids."""
        self.body = body
        self.query = query
        self.request_id = request_id
        self.headers = headers
        self.raw = raw
        """The body as it came, for routes that are signed over it."""


class Reply(NamedTuple):
    """An answer that is not the route's ordinary one: another status, headers of its own, or not JSON."""

    body: msgspec.Struct | Sequence[msgspec.Struct] | bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = _NONE


Handler = Callable[[Ask[Any, Any]], Awaitable[Any]]
"""Gives the response struct, a list of them, or a `Reply`."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    method: Method
    path: str
    """Segments are literal or `{parameter}`. A literal is never read as a parameter's value."""
    handler: Handler
    summary: str
    tag: str
    permission: str | None
    """What the key must be granted. None: open to everybody, without a key."""
    request: type[msgspec.Struct] | None = None
    bare: bool = False
    """Whether the body may be left out."""
    query: type[msgspec.Struct] | None = None
    response: Any = None
    """The struct of success, or a list of one."""
    status: int = 200
    """The status of success."""
    errors: tuple[str, ...] = ()
    """Codes of `control.errors` beyond those that every route of its kind can give."""
    text: bool = False
    """Whether success may be `text/plain` too."""
    html: bool = False
    """Whether success is a page."""
    headers: dict[str, str] = {}
    """Further headers of success."""
    also: tuple[int, ...] = ()
    """Further statuses that answer with the response struct (readiness: 503)."""
    fields: dict[str, str] = {}
    """What the surface calls fields that a refusal names as the model does."""
    organization_named: bool = False
    """Whether X-Organization-Id must be there."""
    raw: bool = False
    """Whether it takes a body of JSON that the handler reads itself."""
    budget: str = "general"
    """The budget that it spends and whose state its headers show."""

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


class Below(NamedTuple):
    """Makes the routes of one resource: all are below its path, bear its tag, and call fields the same."""

    base: str
    tag: str
    fields: Mapping[str, str] = _NONE

    def __call__(
        self, method: Method, path: str, handler: Handler, summary: str, permission: str, **more: Any
    ) -> Route:
        """`more`: whatever else a `Route` says."""
        return Route(
            method=method,
            path=f"{self.base}{path}",
            handler=handler,
            summary=summary,
            tag=self.tag,
            permission=permission,
            fields=dict(self.fields),
            **more,
        )


class Parameter(NamedTuple):
    """A path parameter: which prefixes its ids may bear, and the code when there is no such thing."""

    prefixes: frozenset[str]
    code: str
    noun: str
    counted: bool = False
    """Whether it is a whole number instead of a sortable id."""


_TRUNK = Parameter(frozenset({"trunk", "sip"}), "trunk_not_found", "trunk")
_PHONE = Parameter(frozenset({"phone", "phon", "num"}), "phone_not_found", "phone number")
_AGENT = Parameter(frozenset({"agent", "agt"}), "agent_not_found", "agent")

PARAMETERS: dict[str, Parameter] = {
    "trunk_id": _TRUNK,
    "trunkId": _TRUNK,
    "phone_id": _PHONE,
    "numberId": _PHONE,
    "id": _PHONE,
    "agent_id": _AGENT,
    "agentId": _AGENT,
    "call_id": Parameter(frozenset({"call"}), "call_not_found", "call"),
    "key_id": Parameter(frozenset({"key"}), "key_not_found", "API key"),
    "ban_id": Parameter(frozenset({"ban"}), "ban_not_found", "ban"),
    "verification_id": Parameter(frozenset({"verification"}), "verification_not_found", "verification"),
    "organization_id": Parameter(frozenset({"org"}), "organization_not_found", "organization"),
    "connection_id": Parameter(frozenset(), "connection_not_found", "VoIP connection", counted=True),
    "webhook_id": Parameter(frozenset({"webhook"}), "webhook_not_found", "webhook"),
    "delivery_id": Parameter(frozenset({"delivery"}), "delivery_not_found", "delivery", counted=True),
}
