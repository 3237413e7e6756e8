"""A server transaction: one request of a peer's, and the last response to it (RFC 3261 §17.2)."""

from __future__ import annotations

from trunkline.sip.compose import Answering
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request
from trunkline.sip.transaction.tables import INVITE_SERVER, SERVER, Table
from trunkline.sip.via import reply_address


class ServerTransaction:
    """State, and what the actions of its table need. The request itself goes once it is answered finally: a transaction
    that only absorbs repeats needs nothing but its last response."""

    __slots__ = ("answering", "call", "detour", "flow", "gap", "key", "last", "method", "owner", "state", "table")

    key: str
    table: Table
    answering: Answering | None

    def __init__(self, key: str, request: Request, flow: Flow, owner: str, call: str, t1: float) -> None:
        self.key = key
        self.method = request.method
        self.flow = reply_flow(request, flow)
        self.detour = detour(request, flow)
        """Where a final response goes when the connection of its request is gone; None: nowhere."""
        self.owner = owner
        """The transaction user's name for who answers it."""
        self.call = call
        self.gap = t1
        self.last = b""
        """The last response sent; empty before the first."""
        self.answering = Answering(request, flow)
        if request.method == "INVITE":
            self.table, self.state = INVITE_SERVER, "proceeding"
        else:
            self.table, self.state = SERVER, "trying"

    def __repr__(self) -> str:
        return f"<server {self.method} {self.state} {self.key}>"


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where responses to a request go (§18.2.2, RFC 3581 §4): over its connection, or to the Via's port unless it asked
    for the source port."""
    if flow.transport != "udp":
        return flow
    remote = reply_address(request.via, flow.remote)
    return flow if remote == flow.remote else flow._replace(remote=remote)


def detour(request: Request, flow: Flow) -> Flow | None:
    """A connection that we open to the Via's port, where that of the request is gone (§18.2.2). Not over TLS: who calls
    by TLS without a certificate of its own cannot be told from a stranger at its address."""
    if flow.transport != "tcp" or flow.pooled:
        return None
    return flow._replace(remote=(flow.remote[0], request.via.port or 5060), connection="out:")
