"""What the journal holds: how a call began, that it was answered, how it ended.

`Answered` carries enough of each dialog to send it a BYE from a process that knows nothing else of the call.
"""

from __future__ import annotations

import msgspec

from trunkline.model.call import CallRecord
from trunkline.sip.flow import Flow


class DialogState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A confirmed dialog (RFC 3261 §12), as much of it as one request inside it needs."""

    call_id: str
    local: str
    """The From value of our requests, its tag included."""
    remote: str
    """The To value of our requests, its tag included."""
    target: str
    """Remote target URI."""
    route_set: tuple[str, ...]
    sequence: int
    """The CSeq number our next request takes, with room for what was sent after the entry was written."""
    flow: Flow


class Began(msgspec.Struct, frozen=True, tag="began"):
    record: CallRecord


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    record: CallRecord
    dialogs: tuple[DialogState, ...]


class Rejoined(msgspec.Struct, frozen=True, tag="rejoined"):
    """A call has other parties than before, or is about to, or an agent that answered before the caller may hear of it:
    these are its dialogs now."""

    record: CallRecord
    dialogs: tuple[DialogState, ...]


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    record: CallRecord


JournalEntry = Began | Answered | Rejoined | Ended
