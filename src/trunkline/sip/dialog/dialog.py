"""A dialog (RFC 3261 §12): the peer relationship that requests inside a call are made of.

It is known by Call-ID and both tags. It keeps the flow it was made over: where its requests go is decided once, from
the route set and the remote target.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.sip import compose
from trunkline.sip.address import AddressError, parse_address
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Request, Response

_LOOSE: Final = re.compile(r";lr(?![^;=?])", re.IGNORECASE).search
"""The URI parameter of a router that leaves the Request-URI alone (§19.1.1)."""

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag."""


class Dialog:
    """One dialog, early or confirmed."""

    __slots__ = (
        "call_id",
        "flow",
        "local",
        "local_tag",
        "remote",
        "remote_sequence",
        "remote_tag",
        "route_set",
        "sequence",
        "target",
    )

    def __init__(
        self,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        target: str,
        route_set: tuple[str, ...],
        flow: Flow,
        sequence: int,
        remote_sequence: int | None,
    ) -> None:
        self.call_id = call_id
        self.local = local
        """What our requests say in From, and the peer's in To; with our tag."""
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.target = target
        """The remote target: the URI of the peer's latest Contact."""
        self.route_set = route_set
        self.flow = flow
        self.sequence = sequence
        """The CSeq number of our latest request."""
        self.remote_sequence = remote_sequence
        """The CSeq number of the peer's latest request; None before its first."""

    def __repr__(self) -> str:
        return f"<Dialog {self.call_id} {self.local_tag} {self.remote_tag}>"

    @property
    def key(self) -> DialogKey:
        return self.call_id, self.local_tag, self.remote_tag

    @property
    def next_hop(self) -> str:
        """The URI that requests go to first (§12.2.1.1)."""
        return _uri(self.route_set[0]) if self.route_set else self.target

    def request(
        self, method: str, sent_by: str, branch: str, headers: str = "", body: bytes = b"", sequence: int | None = None
    ) -> bytes:
        """A request inside the dialog over its flow; it takes the next CSeq number unless it is an ACK or a CANCEL,
        which give that of their INVITE."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        uri, routes = self.target, self.route_set
        if routes and not _LOOSE(_uri(routes[0]).rpartition("@")[2]):
            # A strict router wants itself in the Request-URI and the target last (§12.2.1.1).
            uri, routes = _uri(routes[0]), (*routes[1:], f"<{self.target}>")
        route = "".join([f"Route: {value}\r\n" for value in routes])
        return compose.request(
            f"{method} {uri}",
            compose.via_line(self.flow, sent_by, branch),
            self.call_id,
            f"{sequence} {method}",
            f"{route}From: {self.local}\r\nTo: {self.remote}\r\n{headers}",
            body,
        )

    def in_order(self, request: Request) -> bool:
        """Whether a request's CSeq is above those before it (§12.2.2); it then counts as seen."""
        if self.remote_sequence is not None and request.cseq <= self.remote_sequence:
            return False
        self.remote_sequence = request.cseq
        return True

    def confirmed(self, answer: Dialog) -> Dialog:
        """This early dialog, with the route set and the target of the dialog that the 2xx makes (§13.2.2.4)."""
        self.route_set, self.target = answer.route_set, answer.target
        return self

    def refresh(self, message: Request | Response) -> bool:
        """Take the remote target from a message that may change it; whether it did (§12.2.1.2, §12.2.2)."""
        target = contact_uri(message)
        if target is None or target == self.target or _ours(target, self.local_tag):
            return False
        self.target = target
        return True


class Ends:
    """Our side of a dialog that a request of ours asks for."""

    __slots__ = ("local", "local_tag", "remote")

    def __init__(self, local: str, local_tag: str, remote: str) -> None:
        self.local = local
        self.local_tag = local_tag
        self.remote = remote


def accepted(request: Request, local_tag: str, flow: Flow) -> Dialog:
    """The dialog that our answer to `request` creates (§12.1.1)."""
    return Dialog(
        call_id=request.call_id,
        local=f"{request.header('to')};tag={local_tag}",
        local_tag=local_tag,
        remote=request.get("from") or "",
        remote_tag=request.from_tag or "",
        target=contact_uri(request) or "",
        route_set=tuple(_routes(request)),
        flow=flow,
        sequence=0,
        remote_sequence=request.cseq,
    )


def established(ends: Ends, response: Response, flow: Flow, fallback: str) -> Dialog:
    """The dialog that a peer's answer to a request of ours creates (§12.1.2). `fallback` is the target when the answer
    has no Contact of the peer's, as it must: the URI that was asked."""
    target = contact_uri(response)
    if target is None or _ours(target, ends.local_tag):
        target = fallback
    return Dialog(
        call_id=response.call_id,
        local=ends.local,
        local_tag=ends.local_tag,
        remote=response.get("to") or ends.remote,
        remote_tag=response.to_tag or "",
        target=target,
        route_set=tuple(reversed(_routes(response))),
        flow=flow,
        sequence=response.cseq,
        remote_sequence=None,
    )


def _ours(target: str, local_tag: str) -> bool:
    """Whether a Contact is the one that we sent, whose user is our tag: there are user agents that copy it into their
    answers, and then every request of ours would come to ourselves."""
    return f":{local_tag}@" in target


def contact_uri(message: Request | Response) -> str | None:
    """The URI of the first Contact, fit for a Request-URI; None when there is none, or none that can be read."""
    value = message.get("contact")
    if not value:
        return None
    try:
        uri = parse_address(split_commas(value)[0] if "," in value else value).uri
    except (AddressError, IndexError):
        return None
    if uri[:4].lower() != "sip:" and uri[:5].lower() != "sips:":
        return None  # Nothing else can be sent to (§8.1.1.8).
    if "?" in uri:
        # Headers have no place in a Request-URI (§19.1.1, table 1); a user part may have question marks.
        query = uri.find("?", uri.rfind("@") + 1)
        uri = uri[:query] if query >= 0 else uri
    return uri


def _routes(message: Request | Response) -> list[str]:
    """The Record-Route values, in order. One without angle brackets gets them around all of it: a proxy that writes
    `;lr` so means its URI. What is none is left out."""
    found: list[str] = []
    for line in message.headers("record-route"):
        for route in split_commas(line):
            route = route if "<" in route else f"<{route}>"
            if _uri(route) != route:
                found.append(route)
    return found


def _uri(route: str) -> str:
    """The URI of one Route value."""
    try:
        return parse_address(route).uri
    except AddressError:
        return route
