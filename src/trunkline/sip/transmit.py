"""One message to send, with who wants to know when it cannot be."""

from __future__ import annotations

import msgspec

from trunkline.sip.flow import Flow


class Transmit(msgspec.Struct, frozen=True, gc=False):
    """Send `data` over `flow`. A failure is reported to the transaction that is named."""

    flow: Flow
    data: bytes
    transaction: str = ""
    """The key of the transaction to tell of a failure; empty where nobody waits for it."""
    call: str = ""
    """The id of the call it belongs to, for the trace; empty outside calls."""
