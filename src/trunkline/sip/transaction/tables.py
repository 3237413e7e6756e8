"""The four state machines as data (RFC 3261 figures 5 to 8, with RFC 6026's Accepted states and figures 7 and 8 there).

A table maps (state, event) to (next state, actions). An event that a state has no row for does nothing there: that is
also how a timer is cancelled. Events are methods' and responses' classes as the RFC writes them, or a timer's letter.

Actions:
  deliver    pass the message to the transaction user
  keep       the same of what concerns nobody but who keeps a call's messages
  resend     send the request, or the last response, again
  send       send the response that the transaction user gave
  ack        send the ACK of a final response that is no 2xx (§17.1.1.3)
  timeout    tell the transaction user that nobody answered
  failed     tell the transaction user that the transport could not
  <letter>   arm that timer

The event `left`, and the state, are no figure's: the user has gone on to another address, before there was any answer
to cancel (§9.1). Nothing is sent any more, and what still comes is ended by `call/leg/late.py`.

Nor is the event `unreached`: the network says that a datagram did not arrive (§18.4), which one that was sent before it
may have done all the same.

Nor is the event `lost`: the connection is gone, and the answer cannot come by another (§18.2.2). Nor `abandoned`: §9.1
gives up an INVITE that a CANCEL did not bring to an end within 64·T1, and so must whoever ends a dialog with an INVITE
open in it.
"""

from __future__ import annotations

from typing import Final

State = str
Event = str
Table = dict[tuple[State, Event], tuple[State, tuple[str, ...]]]

TERMINATED: Final = "terminated"

INVITE_CLIENT: Final[Table] = {
    ("calling", "A"): ("calling", ("resend", "A")),
    ("calling", "B"): (TERMINATED, ("timeout",)),
    ("calling", "transport"): (TERMINATED, ("failed",)),
    ("calling", "1xx"): ("proceeding", ("deliver",)),
    ("calling", "2xx"): ("accepted", ("deliver", "M")),
    ("calling", "300-699"): ("completed", ("ack", "deliver", "D")),
    ("proceeding", "1xx"): ("proceeding", ("deliver",)),
    ("proceeding", "2xx"): ("accepted", ("deliver", "M")),
    ("proceeding", "300-699"): ("completed", ("ack", "deliver", "D")),
    ("proceeding", "abandoned"): (TERMINATED, ("timeout",)),
    ("proceeding", "lost"): ("proceeding", ("failed",)),
    ("calling", "left"): ("left", ()),
    ("calling", "unreached"): ("left", ("failed",)),
    ("left", "B"): (TERMINATED, ()),
    ("left", "transport"): (TERMINATED, ()),
    ("left", "1xx"): ("proceeding", ("deliver",)),
    ("left", "2xx"): ("accepted", ("deliver", "M")),
    ("left", "300-699"): ("completed", ("ack", "D")),
    ("completed", "300-699"): ("completed", ("ack",)),
    ("completed", "transport"): (TERMINATED, ("failed",)),
    ("completed", "D"): (TERMINATED, ()),
    ("accepted", "2xx"): ("accepted", ("deliver",)),
    ("accepted", "M"): (TERMINATED, ()),
}

CLIENT: Final[Table] = {
    ("trying", "E"): ("trying", ("resend", "E")),
    ("trying", "F"): (TERMINATED, ("timeout",)),
    ("trying", "transport"): (TERMINATED, ("failed",)),
    ("trying", "unreached"): (TERMINATED, ("failed",)),
    ("trying", "1xx"): ("proceeding", ("deliver",)),
    ("trying", "2xx"): ("completed", ("deliver", "K")),
    ("trying", "300-699"): ("completed", ("deliver", "K")),
    ("proceeding", "E"): ("proceeding", ("resend", "E")),
    ("proceeding", "F"): (TERMINATED, ("timeout",)),
    ("proceeding", "transport"): (TERMINATED, ("failed",)),
    ("proceeding", "1xx"): ("proceeding", ("deliver",)),
    ("proceeding", "2xx"): ("completed", ("deliver", "K")),
    ("proceeding", "300-699"): ("completed", ("deliver", "K")),
    ("completed", "K"): (TERMINATED, ()),
}

INVITE_SERVER: Final[Table] = {
    ("proceeding", "request"): ("proceeding", ("resend",)),
    ("proceeding", "1xx"): ("proceeding", ("send",)),
    ("proceeding", "2xx"): ("accepted", ("send", "L")),
    ("proceeding", "300-699"): ("completed", ("send", "G", "H")),
    ("accepted", "request"): ("accepted", ()),
    ("accepted", "2xx"): ("accepted", ("send",)),
    ("accepted", "ACK"): ("accepted", ("deliver",)),
    ("accepted", "L"): (TERMINATED, ()),
    ("completed", "request"): ("completed", ("resend",)),
    ("completed", "G"): ("completed", ("resend", "G")),
    ("completed", "ACK"): ("confirmed", ("keep", "I")),
    ("completed", "H"): (TERMINATED, ("timeout",)),
    ("confirmed", "ACK"): ("confirmed", ()),
    ("confirmed", "request"): ("confirmed", ()),
    ("confirmed", "I"): (TERMINATED, ()),
}

SERVER: Final[Table] = {
    ("trying", "request"): ("trying", ()),
    ("trying", "1xx"): ("proceeding", ("send",)),
    ("trying", "2xx"): ("completed", ("send", "J")),
    ("trying", "300-699"): ("completed", ("send", "J")),
    ("proceeding", "request"): ("proceeding", ("resend",)),
    ("proceeding", "1xx"): ("proceeding", ("send",)),
    ("proceeding", "2xx"): ("completed", ("send", "J")),
    ("proceeding", "300-699"): ("completed", ("send", "J")),
    ("completed", "request"): ("completed", ("resend",)),
    ("completed", "J"): (TERMINATED, ()),
}

UNRELIABLE_ONLY: Final = frozenset("AEG")
"""Retransmission timers: a reliable transport never arms them (§17.1.1.2, §17.1.2.2, §17.2.1)."""

ZERO_WHEN_RELIABLE: Final = frozenset("DIJK")
"""Waits for what a network may still deliver: none over a reliable transport (table 4)."""

CLASS: Final = ("", "1xx", "2xx", *["300-699"] * 4)
"""A status's event, by its first digit."""
