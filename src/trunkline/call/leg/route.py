"""Over which flow a dialog's requests go (RFC 3261 §12.2.1.1, and what the field makes of it).

Over TCP and TLS: the live connection, whatever the Contact says; many a peer's Contact names a port nobody can connect
to. Over UDP: to the source that was seen when the peer is behind NAT; otherwise where the route set or the remote
target says. That holds for a SIPS Contact too, which a peer has no business to say over UDP: behind NAT there is no
other way to it, and where there is none it asks for TLS.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request
from trunkline.sip.uri import UriError, parse_uri

_NOWHERE = ("0.0.0.0", "::")
"""What a peer names that does not know its own address."""


@lru_cache(4096)
def private(host: str) -> bool | None:
    """Whether a literal address is not reachable from everywhere; None for a name."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return None


def settled(dialog: Dialog, flow: Flow, nat: bool) -> Flow | None:
    """The flow for the dialog's requests, given the one its peer was met on; None when a name must be looked up."""
    if flow.transport != "udp" or nat:
        return flow
    try:
        uri = parse_uri(dialog.next_hop)
    except UriError:
        return flow
    if uri.scheme not in ("sip", "sips"):
        return flow
    host = uri.server
    remote = (host, uri.port or 5060)
    if remote == flow.remote and uri.transport in (None, "udp"):
        return flow
    hidden = private(host)
    if hidden is None:
        return None
    if (hidden and not private(flow.remote[0])) or host in _NOWHERE:
        return flow
    if uri.scheme == "sips" or uri.transport not in (None, "udp") or (":" in host) != (":" in flow.remote[0]):
        return None
    return flow._replace(remote=remote)


def latest(ours: Flow, flow: Flow) -> Flow:
    """The flow for a dialog's requests after its peer was heard on `flow`. A peer that opens connections is answered on
    the one it opened last: those before may be gone, and nobody may listen where its Contact says."""
    return flow if flow.transport == ours.transport and flow.reliable and not ours.pooled else ours


def behind_nat(request: Request, flow: Flow) -> bool:
    """Whether a request's sender does not know its own address: its Via says another literal one than we see."""
    return flow.transport == "udp" and request.via.host != flow.remote[0] and private(request.via.host) is True
