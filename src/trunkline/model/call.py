"""The call record: one for every admitted or refused call of a known trunk, the same in the log, live, and on every
surface."""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["inbound", "outbound"]
CallStatus = Literal["in-progress", "completed", "failed", "no-answer"]
Side = Literal["caller", "agent", "callee", "edge"]
"""Who did something: who calls us, the agent, the telephone that an outbound call reaches, or this edge (a limit, a
drain, a crash). Outbound, the agent is the A leg."""


class LegRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a call. The first is that of who calls; each attempt to reach an agent, or a telephone, is another."""

    side: Side
    sip_call_id: str | None = None
    """None for a leg that ends in this process."""
    peer: str | None = None
    """Transport and remote address, as `udp:192.0.2.1:5060`."""
    trunk_id: str | None = None
    agent_id: str | None = None
    uri: str | None = None
    """What was asked of the peer, or by it."""
    started_at: float
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    status: int | None = None
    """Final SIP status of the leg's INVITE."""
    phrase: str | None = None
    reason: str | None = None
    """The Reason header (RFC 3326) that ended it, as received or sent."""
    codec: str | None = None


TransferMode = Literal["invite", "refer", "attended", "replaces"]
"""`invite`: this edge called the new party and joined it. `refer`: the peer that stays was asked to call it.
`attended`: the new party was in another call here. `replaces`: the new party called, to take a place."""
TransferResult = Literal["in-progress", "completed", "failed", "unknown"]
"""`unknown`: the peer took the REFER, and never told what came of it."""


class TransferRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One party of a call exchanged for another, or the attempt."""

    by: Side
    """Who asked for it; `edge` is an operator."""
    leaves: Side
    """Whose place it is about."""
    to: str
    """E.164 where it is a number, else a URI."""
    mode: TransferMode
    result: TransferResult
    progress: int | None = None
    """The latest provisional status of the new party."""
    status: int | None = None
    """Its final one, or what a refusal was answered."""
    phrase: str | None = None
    detail: str | None = None
    started_at: float
    ended_at: float | None = None


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organization_id: str
    direction: Direction
    number_id: str | None = None
    phone_number: str | None = None
    """Ours, E.164: the dialled one inbound, the calling one outbound."""
    caller: str | None = None
    """E.164 where it is a number, else as received; None when anonymous."""
    callee: str | None = None
    trunk_id: str | None = None
    agent_id: str | None = None
    status: CallStatus
    cause: str | None = None
    """A stable word for why it ended: `normal`, `cancelled`, `ring-timeout`, `unknown-number`, `trunk-full`, …"""
    detail: str | None = None
    """The sentence that says what would mend it."""
    sip_status: int | None = None
    """What the caller's INVITE was answered finally."""
    hung_up_by: Side | None = None
    started_at: float
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    legs: tuple[LegRecord, ...] = ()
    transfers: tuple[TransferRecord, ...] = ()
    attestation: str | None = None
    """What verifying its Identity header told, as a `verstat` (ATIS-1000082); None when it was not asked for."""

    @property
    def duration(self) -> int:
        """Whole seconds from answer to end; 0 when it was not answered or goes on."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return max(0, int(self.ended_at - self.answered_at))
