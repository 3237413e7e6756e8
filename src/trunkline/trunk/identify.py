"""Whose request is this? From the trunks that a source may be to the one that it is.

A network alone does not say: carriers signal for all their customers from the same few addresses, and a laboratory has
everything on one. A call to the Contact that we registered is of the trunk that registered it, wherever it comes from,
and one by the flow that a device registered over is of that device's trunk.
Else the networks give candidates, and what the request says narrows them, in this order: the dialled number's own
trunk, the trunk's endpoint in the Request-URI, the certificate that its connection has shown, the digest user. What is
left after that differs in nothing that a request shows on purpose, and the circumstances decide: whether what is
dialled is in a range of the trunk, the transport, which side of calls the trunk is on, the longest network prefix, the
source port, and at last the age. Each step only narrows: one that would leave nobody is passed over, except that a
number's own trunk, once it is a candidate, is the answer.

A call to a number of ours is rather a carrier's, and one to any other number rather from the agents' side: a trunk of
a voice engine, a PBX or an agent platform.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Transport

Possible = tuple[Trunk, int]
"""A trunk that the source may be, and the length of the prefix that says so; where something else does, one of the
numbers below."""

BY_USER_ALONE: Final = -1
BY_REGISTRAR: Final = 128
"""As long as a prefix can be: the one address that a registrar has."""
BY_REGISTRATION: Final = 130
"""Its device has proven who it is when it registered."""
BY_CERTIFICATE: Final = 128
"""As one address: the certificate of one peer."""
BY_CONTACT: Final = 129
"""Longer than any prefix: the Contact of a registration is nobody's but its registrar's."""


_ALONE: Final = {BY_USER_ALONE: "user", BY_CONTACT: "contact", BY_REGISTRATION: "registration"}


class Signs(NamedTuple):
    """What a request tells about its trunk."""

    transport: Transport
    port: int
    """Source port."""
    own: str | None = None
    """The trunk of the dialled number, unless that trunk is on the agent's side of the call."""
    endpoint: str | None = None
    """The trunk that the Request-URI names."""
    username: str | None = None
    """The digest user it authenticates as."""
    agent_side: str | None = None
    """The trunk that the dialled number's agent is reached by."""
    contact: str | None = None
    """The trunk whose registered Contact the Request-URI names."""
    ours: bool = True
    """Whether the dialled number is one of ours."""
    device: str | None = None
    """The trunk whose device registered over the flow that it comes by."""
    certified: Collection[str] = ()
    """The trunks whose certificate the connection has shown."""
    ranged: Collection[str] = ()
    """The trunks that have the dialled number, which nobody has by itself, in a range."""


class Identified(NamedTuple):
    trunk: Trunk
    by: str
    """What decided, for people: `network`, `number`, `endpoint`, `user`, …, `age`."""
    prefix: int


def identify(candidates: Sequence[Possible], signs: Signs) -> Identified | None:
    """The trunk that a request is from; None when no candidate is left that could be."""
    remaining = list(candidates)
    if not remaining:
        return None
    by = "network"
    if len(remaining) > 1:
        for name, fits in _tests(remaining, signs):
            kept = [candidate for candidate in remaining if fits(candidate)]
            if not kept or len(kept) == len(remaining):
                continue
            remaining, by = kept, name
            if len(kept) == 1:
                break
        else:
            remaining, by = [min(remaining, key=lambda candidate: candidate[0].id)], "age"
    trunk, prefix = remaining[0]
    if by == "network" and trunk.id in signs.certified:
        by = "certificate"
    return Identified(trunk, _ALONE.get(prefix, by), prefix)


def _tests(remaining: Sequence[Possible], signs: Signs) -> Iterable[tuple[str, Callable[[Possible], bool]]]:
    if signs.own is not None:
        yield "number", lambda candidate: candidate[0].id == signs.own
    if signs.endpoint is not None:
        yield "endpoint", lambda candidate: candidate[0].id == signs.endpoint
    if signs.certified:
        yield "certificate", lambda candidate: candidate[0].id in signs.certified
    if signs.username is not None:
        yield "user", lambda candidate: candidate[0].username == signs.username and bool(candidate[0].password)
    if signs.ranged:
        yield "range", lambda candidate: candidate[0].id in signs.ranged
    yield "direction", lambda candidate: candidate[0].dials_out != signs.ours
    yield "network", lambda candidate: candidate[1] != BY_USER_ALONE
    yield "state", lambda candidate: candidate[0].enabled
    yield "transport", lambda candidate: candidate[0].transport == signs.transport
    yield "side", lambda candidate: candidate[0].id != signs.agent_side
    longest = max(prefix for _, prefix in remaining)
    yield "prefix", lambda candidate: candidate[1] == longest
    yield "port", lambda candidate: candidate[0].port == signs.port


class Conflict(NamedTuple):
    """Two trunks of which no request could ever tell which it is from."""

    first: str
    second: str
    network: str


def conflicts(trunks: Iterable[Trunk]) -> list[Conflict]:
    """Pairs that an organization must not have, for the control plane to refuse when they are written.

    Enabled trunks of one organization, on one side of calls, that name the same network, over the same transport, with
    the same digest user or none, for the same peer. Trunks that differ in any of these are told apart by it, or by the
    number dialled and the endpoint, and are fine: two accounts at one carrier, several peers on one host.
    """
    seen: dict[tuple[object, ...], str] = {}
    found = []
    for trunk in trunks:
        if trunk.engine or not trunk.enabled:
            continue
        user = trunk.username if trunk.password else None
        for network in dict.fromkeys(text.strip().lower() for text in trunk.networks):
            peer = (
                trunk.organization_id, trunk.dials_out, network, trunk.transport, user, trunk.host, trunk.port,
                trunk.client_certificate,
            )  # fmt: skip
            other = seen.setdefault(peer, trunk.id)
            if other != trunk.id:
                found.append(Conflict(other, trunk.id, network))
                break
    return found
