"""A client transaction: one request of ours until its final response (RFC 3261 §17.1)."""

from __future__ import annotations

from trunkline.sip.flow import Flow
from trunkline.sip.transaction.tables import CLIENT, INVITE_CLIENT, Table


class ClientTransaction:
    """State, and what the actions of its table need."""

    __slots__ = ("ack", "call", "data", "flow", "forks", "gap", "key", "method", "owner", "state", "table")

    key: str
    table: Table

    def __init__(self, key: str, method: str, data: bytes, flow: Flow, owner: str, call: str, t1: float) -> None:
        self.key = key
        self.method = method
        self.data = data
        self.flow = flow
        self.owner = owner
        """The transaction user's name for who sent it."""
        self.call = call
        self.gap = t1
        """Seconds between the last retransmission and the next."""
        self.forks: tuple[str, ...] = ()
        """To-tags of an INVITE's answers whose dialogs the transaction user has ended."""
        self.ack = b""
        """The ACK of a refusal, built at the first and sent at each."""
        if method == "INVITE":
            self.table, self.state = INVITE_CLIENT, "calling"
        else:
            self.table, self.state = CLIENT, "trying"

    def __repr__(self) -> str:
        return f"<client {self.method} {self.state} {self.key}>"
