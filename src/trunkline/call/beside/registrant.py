"""One trunk as the user agent that registers (RFC 3261 §10.2): what it keeps between messages, and how its registrar's
answers are read."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.call.leg.credentials import Shown
from trunkline.model.trunk import Trunk
from trunkline.registrar.registration import Registration, State
from trunkline.sip.address import Address as Party
from trunkline.sip.address import AddressError, parse_address
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import GrammarError, bracketed, escape, split_commas
from trunkline.sip.message import Response
from trunkline.sip.uri import USER_SAFE

_MOST_ROUTES = 8


class Standing(NamedTuple):
    """What is known of one trunk's registration, in monotonic seconds."""

    state: State
    since: float
    expires_at: float | None
    next_at: float | None
    status: int | None
    phrase: str
    registrar: str | None
    """Where it stands: the literal address of the flow it succeeded on."""
    contact: str | None
    """The Contact that the registrar holds, or held last."""


class Registrant:
    """One trunk at its registrar; a trunk that changes what it is there becomes another one."""

    __slots__ = (
        "call_id", "contact", "expires", "flow", "flows", "good", "hosts", "key", "leaving", "number", "offered",
        "registration", "sequence", "shown", "tag", "trunk", "user",
    )  # fmt: skip

    def __init__(
        self, number: str, trunk: Trunk, user: str, registration: Registration, call_id: str, tag: str
    ) -> None:
        self.number = number
        self.trunk = trunk
        self.user = user
        self.registration = registration
        self.call_id = call_id
        self.tag = tag
        self.sequence = 0
        self.expires = 0
        """What the attempt under way asks for."""
        self.flows: list[Flow] = []
        """What is left to try of it."""
        self.flow: Flow | None = None
        """Where it was sent last."""
        self.good: Flow | None = None
        """The flow of the last success."""
        self.key = ""
        """The transaction that is waited for."""
        self.shown = Shown()
        self.offered = ""
        """The Contact of the last request."""
        self.contact: str | None = None
        """The Contact that the registrar holds."""
        self.hosts: dict[str, float] = {}
        """Addresses that the registrar's name led to, and when it last did."""
        self.leaving = False
        """The trunk is gone, or another: only the binding is to be taken back."""


def identity(trunk: Trunk) -> tuple[object, ...]:
    """What makes another registration of it."""
    return (
        trunk.host, trunk.port, trunk.transport, trunk.outbound_proxy, trunk.tls, trunk.username, trunk.password,
        trunk.realm, trunk.register_aor,
    )  # fmt: skip


def registrar(trunk: Trunk) -> str:
    """The Request-URI: the registrar's domain, without a user (§10.2)."""
    port = f":{trunk.port}" if trunk.port else ""
    return f"sip:{bracketed(trunk.host or '')}{port}"


def address_of_record(trunk: Trunk) -> str:
    """Who is registered: To and From of the REGISTER (§10.2)."""
    return trunk.register_aor or f"sip:{escape(trunk.username or '', USER_SAFE)}@{bracketed(trunk.host or '')}"


def granted(response: Response, client: Registrant) -> float:
    """Seconds for which a 2xx keeps our Contact. A registrar may write its host otherwise; its user nobody else has."""
    ours: Party | None = None
    for value in (value for line in response.headers("contact") for value in split_commas(line)):
        party = _party(value)
        if party is not None and (party.uri == client.offered or (ours is None and f":{client.user}@" in party.uri)):
            ours = party
    said = ours.param("expires") if ours is not None else None
    said = said or response.get("expires") or ""
    return float(said) if said.isdecimal() and len(said) <= 9 else float(client.expires)


def service_route(response: Response) -> tuple[str, ...]:
    found: list[str] = []
    for line in response.headers("service-route"):
        for value in split_commas(line):
            party = _party(value)
            if party is not None and len(found) < _MOST_ROUTES:
                found.append(party.uri)
    return tuple(found)


def _party(value: str) -> Party | None:
    try:
        return parse_address(value)
    except (AddressError, GrammarError):
        return None
