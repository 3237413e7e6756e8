"""A redirection by an agent (RFC 3261 §8.1.3.4, §21.3): where its contacts lead, each as an attempt of its own.

They are called on the terms of the agent that named them. Nobody is asked twice, SIPS never leads to SIP, and an agent
leads at most `MOST` times in a call, however it is wrapped up. What proves or tells who we are goes to the host that
was configured and to no other.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.call.leg.route import private
from trunkline.call.leg.target import Target
from trunkline.routing.select import Candidate
from trunkline.sip.address import AddressError, parse_address
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import same_host, split_commas
from trunkline.sip.uri import Uri, UriError, parse_uri

MOST = 5
"""Redirections that are followed in one call."""
_MOST_LISTED = 20
"""Contacts of one answer that are looked at."""


class Redirects:
    """Those of one call."""

    __slots__ = ("_asked", "_followed", "_foreign", "_named", "beyond")

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._followed = 0
        self._foreign: set[str] = set()
        self._named: set[str] = set()
        self.beyond = False
        """Whether somebody led on who is not at a private address: then nobody is led to one."""

    def follow(self, contacts: Iterable[str], by: Candidate, flow: Flow | None) -> list[Candidate]:
        """The attempts that an answer with these Contact lines, which came over `flow`, leads to, best first."""
        self.beyond = self.beyond or (flow is not None and private(flow.remote[0]) is False)
        origin = _read(by.uri or "")
        if origin is None:
            return []
        self._asked.add(_plain(origin))
        found: list[Candidate] = []
        for uri in sorted_by_q(contacts):
            target = _read(uri)
            if target is None or self._followed >= MOST or (origin.scheme == "sips" and target.scheme != "sips"):
                continue
            plain = _plain(target)
            if plain in self._asked:
                continue
            self._asked.add(plain)
            self._followed += 1
            self._named.add(uri)
            if by.uri in self._foreign or not _same_host(target, origin, by):
                self._foreign.add(uri)
            transport = "tls" if target.scheme == "sips" else by.transport
            found.append(by._replace(uri=uri, transport=transport, flow=None, route=()))
        return found

    def named(self, candidate: Candidate) -> bool:
        """Whether an attempt comes of a redirection."""
        return candidate.uri in self._named

    def foreign(self, candidate: Candidate) -> bool:
        """Whether an attempt goes to a host that nobody configured."""
        return candidate.uri in self._foreign

    def guarded(self, target: Target, candidate: Candidate) -> Target:
        """The target of an attempt that goes to a host that nobody configured: it is shown no credentials, and is
        neither a carrier nor, beyond our own network, within it."""
        trunk = candidate.trunk.id if candidate.trunk is not None else ""
        return target._replace(credentials=None, foreign=trunk, public=target.public or self.beyond)


def sorted_by_q(contacts: Iterable[str]) -> list[str]:
    """The URIs of Contact lines, those with the highest q first (§20.10); without headers, and each as it is written.
    What cannot be read is left out."""
    ranked: list[tuple[float, int, str]] = []
    for line in contacts:
        for value in split_commas(line):
            if len(ranked) >= _MOST_LISTED:
                break
            try:
                address = parse_address(value)
            except AddressError:
                continue
            query = address.uri.find("?", address.uri.rfind("@") + 1)
            ranked.append((-_q(address.param("q")), len(ranked), address.uri[:query] if query >= 0 else address.uri))
    return [uri for _, _, uri in sorted(ranked)]


def _q(text: str | None) -> float:
    try:
        return min(max(float(text), 0.0), 1.0) if text else 1.0
    except ValueError:
        return 0.0


def _read(uri: str) -> Uri | None:
    try:
        read = parse_uri(uri)
    except UriError:
        return None
    return read if read.scheme in ("sip", "sips") and read.host else None


def _plain(uri: Uri) -> str:
    """What makes two URIs the same address here; a transport makes another."""
    return f"{uri.scheme}:{uri.user}@{uri.host.lower()}:{uri.port or ''}:{uri.transport or ''}"


def _same_host(target: Uri, origin: Uri, by: Candidate) -> bool:
    server = target.server
    configured = (by.trunk.host or "").strip("[]") if by.trunk is not None else ""
    return same_host(server, origin.server) or (bool(configured) and same_host(server, configured))
