"""The INVITE an agent gets: who is called, by whom, and what it is told of the call.

Our own words go in headers that begin with `X-<brand>-`: the call's id (by which the agent's side and ours find each
other, and by which a call that comes back to us is known), and what the number's configuration hands to its agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trunkline.call.b2bua.ledger import Ledger
from trunkline.call.leg.credentials import Credentials
from trunkline.call.leg.target import Target
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.routing.destination import written
from trunkline.routing.outbound import Carrier
from trunkline.routing.select import Candidate
from trunkline.sip.flow import Transport
from trunkline.sip.uri import party

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f]+")
_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9]+")
_FIELD: Final = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def call_id_header(brand: str) -> str:
    """The header that carries our call id."""
    return f"X-{brand}-Call-Id"


def target(
    uri: str,
    transport: Transport | None,
    trunk: Trunk | None,
    number: Number | None,
    caller: str | None,
    call_id: str,
    brand: str,
    crossing: tuple[tuple[str, str], ...],
    identity: tuple[tuple[str, str], ...],
    facts: Mapping[str, str],
    max_forwards: int,
) -> Target:
    """How an agent is called. `facts` fill the number's metadata template; `identity` is for trusted trunks."""
    lines = [f"{call_id_header(brand)}: {call_id}\r\n"]
    if number is not None:
        lines += _told(brand, number, facts)
    if trunk is not None and trunk.trust_identity:
        crossing = crossing + identity
    if trunk is not None and trunk.provider == "elevenlabs":
        # What its conversations are known by, whatever the caller's side put there.
        lines.append(f"X-CALL-ID: {call_id}\r\n")
        crossing = tuple([header for header in crossing if header[0].lower() != "x-call-id"])
    for name, value in crossing:
        lines.append(f"{name}: {value}\r\n")
    credentials = None
    if trunk is not None and trunk.username and trunk.password is not None:
        credentials = Credentials(trunk.username, trunk.password, trunk.realm)
    return Target(
        uri=uri,
        caller=f"<sip:{_escaped(caller)}@{{host}}>" if caller else _ANONYMOUS,
        callee=f"<{party(uri)}>",
        headers="".join(lines),
        max_forwards=max_forwards,
        transport=transport,
        tls=trunk.tls if trunk is not None else None,
        proxy=trunk.outbound_proxy if trunk is not None else None,
        nat=trunk.nat if trunk is not None else False,
        credentials=credentials,
        by_tcp=trunk.tcp_fallback if trunk is not None else True,
    )


def outward(
    carrier: Carrier,
    calling: str,
    private: bool,
    crossing: tuple[tuple[str, str], ...],
    max_forwards: int,
) -> Target:
    """How a carrier is asked to call a telephone from `calling`, E.164. Nothing that is an agent's own business goes
    there: of the private headers User-to-User alone, and none of ours."""
    trunk = carrier.trunk
    number = written(calling, trunk.caller_format, trunk.country)
    host = f"[{trunk.host}]" if ":" in (trunk.host or "") else trunk.host
    uri = f"tel:{number}" if number[0] == "+" else f"sip:{number}@{host}"
    kind = trunk.caller_header
    lines = [f"{name}: {value}\r\n" for name, value in crossing if name == "User-to-User"]
    if kind == "rpid":
        shown = "full" if private else "off"
        lines.append(f"Remote-Party-ID: <sip:{number}@{host}>;party=calling;privacy={shown};screen=yes\r\n")
    elif kind == "ppi":
        lines.append(f"P-Preferred-Identity: <{uri}>\r\n")
    elif kind == "pai" or private:
        # Who withholds the number from the callee must still tell the carrier (RFC 3325 §7).
        lines.append(f"P-Asserted-Identity: <{uri}>\r\n")
    if private:
        lines.append("Privacy: id\r\n")
    credentials = None
    if trunk.username and trunk.password is not None:
        credentials = Credentials(trunk.username, trunk.password, trunk.realm)
    return Target(
        uri=carrier.uri,
        caller=_ANONYMOUS if private else f"<sip:{number}@{{host}}>",
        callee=f"<{party(carrier.uri)}>",
        headers="".join(lines),
        max_forwards=max_forwards,
        transport=carrier.transport,
        tls=trunk.tls,
        proxy=trunk.outbound_proxy,
        nat=trunk.nat,
        credentials=credentials,
        by_tcp=trunk.tcp_fallback,
    )


def on_its_way(
    target: Target, candidate: Candidate | Carrier, service_routes: Mapping[str, tuple[str, ...]], others: bool
) -> Target:
    """The target with what is known of the way to it: its device's Path and flow, the Service-Route of its trunk's
    registration (RFC 3608), by trunk, and whether there are `others` to try when nothing is heard."""
    one = isinstance(candidate, Candidate) and not candidate.alone
    if others and (one or 408 in candidate.hunt_on):
        target = target._replace(others=True)
    route: tuple[str, ...] = ()
    if isinstance(candidate, Candidate):
        route = candidate.route
        if candidate.flow is not None:
            # A device behind NAT hears nothing but what comes over its flow.
            target = target._replace(flow=candidate.flow, nat=True, by_tcp=False)
    if not route and candidate.trunk is not None:
        route = service_routes.get(candidate.trunk.id, ())
    return target._replace(route=route) if route else target


def facts(ledger: Ledger) -> dict[str, str]:
    """What a metadata template may name, in double braces."""
    return {
        "call_id": f"call_{ledger.id}",
        "caller": ledger.caller or "",
        "callee": ledger.callee or "",
        "number": ledger.phone_number or "",
        "agent_id": f"agent_{ledger.agent_id}",
    }


def _told(brand: str, number: Number, facts: Mapping[str, str]) -> list[str]:
    config = number.config
    told = []
    if config.first_message:
        told.append(f"X-{brand}-First-Message: {_UNSAFE.sub(' ', config.first_message)}\r\n")
    if config.language:
        told.append(f"X-{brand}-Language: {_UNSAFE.sub(' ', config.language)}\r\n")
    if number.room_name:
        told.append(f"X-{brand}-Room-Name: {_rendered(number.room_name, facts)}\r\n")
    for key, template in number.metadata.items():
        name = _NOT_NAME.sub("-", key).strip("-")
        if name:
            told.append(f"X-{brand}-Meta-{name}: {_rendered(str(template), facts)}\r\n")
    return told


def _rendered(template: str, facts: Mapping[str, str]) -> str:
    """The template with the call's facts in it; one that is not known leaves nothing."""
    return _UNSAFE.sub(" ", _FIELD.sub(lambda field: facts.get(field[1], ""), template))


def _escaped(user: str) -> str:
    """A user part from a caller's number or name."""
    if user.isascii() and user.replace("+", "").isalnum():
        return user
    return "".join(c if c.isascii() and (c.isalnum() or c in "+-_.!~*'()&=$,;?/") else _hex(c) for c in user)


def _hex(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode("utf-8", "surrogateescape"))
