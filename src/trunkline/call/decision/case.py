"""One INVITE on its way through the steps of arrival: what is known of it so far, for the refusal to tell."""

from __future__ import annotations

from trunkline.call.decision.parties import Dialled
from trunkline.call.decision.refusals import CAUSES, Refused
from trunkline.call.decision.verdict import Notes
from trunkline.model.call import Direction
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.sip.challenge import Credentials
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request

_NOTHING = Dialled("", None)


class Case:
    __slots__ = (
        "agent_id",
        "asked",
        "caller",
        "credentials",
        "direction",
        "flow",
        "notes",
        "now",
        "number",
        "request",
        "trunk",
    )

    def __init__(self, request: Request, flow: Flow, now: float, notes: Notes | None) -> None:
        self.request = request
        self.flow = flow
        self.now = now
        self.notes = notes
        self.asked = _NOTHING
        self.credentials: Credentials | None = None
        self.trunk: Trunk | None = None
        self.number: Number | None = None
        """Only once it is known to be of the trunk's organization."""
        self.caller: str | None = None
        self.direction: Direction = "inbound"
        self.agent_id: str | None = None
        """Whose call it is: the agent that is called for the number, or that dials."""

    def refuse(
        self,
        step: str,
        cause: str,
        detail: str,
        mend: str = "",
        status: int = 0,
        retry_after: int = 0,
        proven: bool = False,
    ) -> Refused:
        known = CAUSES[cause]
        return Refused(
            step=step,
            cause=cause,
            status=status or known.status,
            detail=detail,
            mend=mend or known.mend,
            retry_after=retry_after,
            trunk=self.trunk,
            number=self.number,
            caller=self.caller,
            callee=self.asked.text or None,
            direction=self.direction,
            agent_id=self.agent_id,
            proven=proven,
        )
