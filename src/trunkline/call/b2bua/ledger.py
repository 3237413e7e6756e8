"""What is written down of a call while it goes on, and the record it becomes."""

from __future__ import annotations

from trunkline.model.call import (
    CallRecord,
    CallStatus,
    Direction,
    LegRecord,
    Side,
    TransferMode,
    TransferRecord,
    TransferResult,
)
from trunkline.sip.flow import Flow, host_port


class LegEntry:
    """One leg's line in the ledger; times are Unix seconds."""

    __slots__ = (
        "agent_id",
        "answered_at",
        "codec",
        "ended_at",
        "peer",
        "phrase",
        "reason",
        "ringing_at",
        "side",
        "sip_call_id",
        "started_at",
        "status",
        "trunk_id",
        "uri",
    )

    def __init__(
        self, side: Side, started_at: float, sip_call_id: str | None, uri: str | None, trunk_id: str | None
    ) -> None:
        self.side: Side = side
        self.started_at = started_at
        self.sip_call_id = sip_call_id
        self.uri = uri
        self.trunk_id = trunk_id
        self.agent_id: str | None = None
        self.peer: str | None = None
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.status: int | None = None
        self.phrase: str | None = None
        self.reason: str | None = None
        self.codec: str | None = None

    def record(self, direction: Direction = "inbound") -> LegRecord:
        return LegRecord(
            side=side_of(self.side, direction),
            sip_call_id=self.sip_call_id,
            peer=self.peer,
            trunk_id=self.trunk_id,
            agent_id=self.agent_id,
            uri=self.uri,
            started_at=self.started_at,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            status=self.status,
            phrase=self.phrase,
            reason=self.reason,
            codec=self.codec,
        )


class TransferEntry:
    """One transfer's line; times are Unix seconds."""

    __slots__ = (
        "by",
        "detail",
        "ended_at",
        "leaves",
        "mode",
        "phrase",
        "progress",
        "result",
        "started_at",
        "status",
        "to",
    )

    def __init__(self, by: Side, leaves: Side, to: str, mode: TransferMode, started_at: float) -> None:
        self.by: Side = by
        self.leaves: Side = leaves
        self.to = to
        self.mode: TransferMode = mode
        self.started_at = started_at
        self.result: TransferResult = "in-progress"
        self.progress: int | None = None
        self.status: int | None = None
        self.phrase: str | None = None
        self.detail: str | None = None
        self.ended_at: float | None = None

    def end(self, result: TransferResult, status: int | None, phrase: str | None, detail: str, wall: float) -> None:
        self.result, self.status, self.phrase = result, status, phrase or None
        self.detail, self.ended_at = detail or None, wall

    def record(self, direction: Direction = "inbound") -> TransferRecord:
        return TransferRecord(
            by=side_of(self.by, direction),
            leaves=side_of(self.leaves, direction),
            to=self.to,
            mode=self.mode,
            result=self.result,
            progress=self.progress,
            status=self.status,
            phrase=self.phrase,
            detail=self.detail,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


class Ledger:
    """One call's lines."""

    __slots__ = (
        "agent_id",
        "answered_at",
        "attestation",
        "callee",
        "caller",
        "cause",
        "detail",
        "direction",
        "ended_at",
        "hung_up_by",
        "id",
        "legs",
        "number_id",
        "organization_id",
        "phone_number",
        "ringing_at",
        "sip_status",
        "started_at",
        "status",
        "transfers",
        "trunk_id",
    )

    def __init__(
        self,
        id: str,
        organization_id: str,
        direction: Direction,
        started_at: float,
        trunk_id: str | None,
        number_id: str | None,
        phone_number: str | None,
        caller: str | None,
        callee: str | None,
    ) -> None:
        self.id = id
        self.organization_id = organization_id
        self.direction: Direction = direction
        self.started_at = started_at
        self.trunk_id = trunk_id
        self.number_id = number_id
        self.phone_number = phone_number
        self.caller = caller
        self.callee = callee
        self.agent_id: str | None = None
        self.attestation: str | None = None
        self.status: CallStatus = "in-progress"
        self.cause: str | None = None
        self.detail: str | None = None
        self.sip_status: int | None = None
        self.hung_up_by: Side | None = None
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.legs: list[LegEntry] = []
        self.transfers: list[TransferEntry] | None = None
        """None until there is one."""

    def record(self) -> CallRecord:
        return CallRecord(
            id=self.id,
            organization_id=self.organization_id,
            direction=self.direction,
            number_id=self.number_id,
            phone_number=self.phone_number,
            caller=self.caller,
            callee=self.callee,
            trunk_id=self.trunk_id,
            agent_id=self.agent_id,
            status=self.status,
            cause=self.cause,
            detail=self.detail,
            sip_status=self.sip_status,
            hung_up_by=side_of(self.hung_up_by, self.direction) if self.hung_up_by is not None else None,
            started_at=self.started_at,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            legs=tuple([leg.record(self.direction) for leg in self.legs]),
            transfers=tuple([each.record(self.direction) for each in self.transfers]) if self.transfers else (),
            attestation=self.attestation,
        )


def side_of(side: Side, direction: Direction) -> Side:
    """Who a call's side is in the record. To a call, who calls is its caller and who is called its agent; when an agent
    dials out, the caller is the agent, and who is called is the callee."""
    if direction == "inbound":
        return side
    return "agent" if side == "caller" else "callee" if side == "agent" else side


def peer(flow: Flow | None) -> str | None:
    """How a leg's line names the other end."""
    return None if flow is None else f"{flow.transport}:{host_port(flow.remote)}"
