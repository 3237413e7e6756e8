"""Where a SIP or SIPS URI leads (RFC 3263 §4), decided from the records that are known.

Pure: it either has the hops, or knows why there are none, or names the questions that must be asked first. Whoever asks
them calls it again. So a name whose records are cached is answered at once, and the rules stand in one place.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache

from trunkline.sip.flow import Transport
from trunkline.sip.uri import Uri, UriError, parse_uri
from trunkline.transport.listener import DEFAULT_PORTS, Family
from trunkline.transport.records import Hop, Missing, Nowhere, Question, Records
from trunkline.transport.srv_order import in_order

MOST_HOPS = 16
"""What one URI may make us try; a zone can hold thousands of records."""

_SERVICES: dict[str, tuple[Transport, str]] = {
    "sip+d2u": ("udp", "_sip._udp"),
    "sip+d2t": ("tcp", "_sip._tcp"),
    "sips+d2t": ("tls", "_sips._tcp"),
}
_PREFIXES: dict[Transport, str] = dict(_SERVICES.values())
_SPOKEN: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}


Known = Callable[[Question], Records | None]


class _Ask(Exception):
    """Ends a decision for which records are missing."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        self.questions = questions


def locate(
    text: str, demanded: Transport | None, families: tuple[Family, ...], known: Known, chance: Callable[[], float]
) -> tuple[Hop, ...] | Nowhere | Missing:
    """The hops of this URI, best first. `demanded` stands over the URI's own transport; `families` are those that we
    can send from, in order of preference."""
    try:
        uri = parse_uri(text)
    except UriError as error:
        return Nowhere(str(error))
    if uri.scheme not in {"sip", "sips"}:
        return Nowhere(f"{uri.scheme}: is not a scheme that leads to a host")
    transport = _transport(uri, demanded)
    if isinstance(transport, Nowhere):
        return transport
    secure = uri.scheme == "sips"
    target = uri.server.rstrip(".").lower()
    try:
        hops = _hops(uri, transport, secure, target, families, known, chance)
    except _Ask as missing:
        return Missing(missing.questions)
    if isinstance(hops, Nowhere):
        return hops
    return tuple(dict.fromkeys(hops))[:MOST_HOPS]


def _transport(uri: Uri, demanded: Transport | None) -> Transport | Nowhere | None:
    """The transport that is settled before any question; None when DNS may choose: of a sips URI where to, not how."""
    if uri.scheme == "sips":
        if demanded == "udp" or (demanded is None and uri.transport == "udp"):
            return Nowhere("a sips URI cannot be reached over UDP")
        return "tls" if demanded is not None or uri.transport is not None else None
    if demanded is not None:
        return demanded
    if uri.transport is None:
        return None
    return _SPOKEN.get(uri.transport) or Nowhere(f"transport {uri.transport} is not spoken here")


def _hops(
    uri: Uri,
    transport: Transport | None,
    secure: bool,
    target: str,
    families: tuple[Family, ...],
    known: Known,
    chance: Callable[[], float],
) -> list[Hop] | Nowhere:
    literal = _literal(target)
    settled: Transport = transport or ("tls" if secure else "udp")
    if literal is not None or uri.port is not None:
        port = uri.port or DEFAULT_PORTS[settled]
        hosts = (literal,) if literal is not None else _addresses(target, families, known, chance)
        if isinstance(hosts, Nowhere):
            return hosts
        return [Hop(settled, (host, port), uri.host) for host in hosts]
    services = _services(transport, secure, target, known)
    declined = False
    hops: list[Hop] = []
    for spoken, name in services:
        records = in_order(_records(Question(name, "SRV"), known).srv, chance)[:MOST_HOPS]
        _need(tuple(q for each in records for q in _questions(each.target, families)), known)
        for record in records:
            if not record.target:
                declined = True
                continue
            hosts = (record.target,) if _literal(record.target) else _addresses(record.target, families, known, chance)
            if not isinstance(hosts, Nowhere):
                hops += [Hop(spoken, (host, record.port), uri.host) for host in hosts]
    if hops:
        return hops
    if declined:
        return Nowhere(f"{target} says in DNS that it does not offer SIP")
    hosts = _addresses(target, families, known, chance)
    if isinstance(hosts, Nowhere):
        return hosts
    return [Hop(settled, (host, DEFAULT_PORTS[settled]), uri.host) for host in hosts]


def _services(transport: Transport | None, secure: bool, target: str, known: Known) -> list[tuple[Transport, str]]:
    """The SRV names to look at, with their transports, in order (§4.1)."""
    if transport is not None:
        return [(transport, f"{_PREFIXES[transport]}.{target}")]
    allowed: list[Transport] = ["tls"] if secure else list(_PREFIXES)
    names = [(spoken, f"{_PREFIXES[spoken]}.{target}") for spoken in allowed]
    # NAPTR mostly leads to these very names: asked together, they cost one round trip.
    _need((Question(target, "NAPTR"), *[Question(name, "SRV") for _, name in names]), known)
    found: list[tuple[Transport, str]] = []
    for record in sorted(_records(Question(target, "NAPTR"), known).naptr)[:MOST_HOPS]:
        service = _SERVICES.get(record.service.lower())
        if service is None or service[0] not in allowed:
            continue
        if record.flags.lower() == "s" and record.replacement:
            found.append((service[0], record.replacement))
    if found:
        _need(tuple(Question(name, "SRV") for _, name in found), known)
        return found
    # Without NAPTR: the first transport that has SRV records, in our own order; one that is declined (a target of
    # ".") only when none is offered.
    listed = [(each, _records(Question(each[1], "SRV"), known).srv) for each in names]
    offered = [each for each, records in listed if any(record.target for record in records)]
    return (offered or [each for each, records in listed if records])[:1]


def _addresses(
    name: str, families: tuple[Family, ...], known: Known, chance: Callable[[], float]
) -> tuple[str, ...] | Nowhere:
    """The literal addresses of a host, families in our order; within a family each has its turn."""
    questions = _questions(name, families)
    _need(questions, known)
    found: list[str] = []
    trouble = ""
    for question in questions:
        records = _records(question, known)
        trouble = trouble or records.trouble
        start = int(chance() * len(records.hosts)) if len(records.hosts) > 1 else 0
        found += records.hosts[start:] + records.hosts[:start]
    if found:
        return tuple(found)
    if trouble:
        return Nowhere(f"{name} could not be looked up: {trouble}")
    kinds = " or ".join(f"IPv{family}" for family in families)
    return Nowhere(f"{name} has no {kinds} address" if kinds else "there is no listener to send from")


def _questions(name: str, families: tuple[Family, ...]) -> tuple[Question, ...]:
    if not name or _literal(name) is not None:
        return ()
    return tuple(Question(name, "A" if family == 4 else "AAAA") for family in families)


def _need(questions: tuple[Question, ...], known: Known) -> None:
    """Ask for all that is missing at once rather than one after the other."""
    missing = tuple(question for question in questions if known(question) is None)
    if missing:
        raise _Ask(missing)


def _records(question: Question, known: Known) -> Records:
    records = known(question)
    if records is None:
        raise _Ask((question,))
    return records


@lru_cache(4096)
def _literal(host: str) -> str | None:
    """The address that is written so, in its one form; None for a name."""
    if ":" not in host and not host[-1:].isdigit():
        return None
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
