"""The end of a dialog whose call is gone: one that an earlier process left open. It gets its BYE, by address where its
connection died, and answers what its peer still says."""

from __future__ import annotations

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.session import Session
from trunkline.call.leg.user_agent import UserAgent
from trunkline.model.journal import DialogState
from trunkline.sip.address import tag_of
from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response

_REASON = 'SIP;cause=500;text="the edge was interrupted"'


class Farewell:
    """A leg of no call."""

    __slots__ = ("call", "id", "session")

    def __init__(self, ua: UserAgent, leg: str, state: DialogState) -> None:
        self.id = leg
        self.call = ""
        dialog = Dialog(
            state.call_id,
            state.local,
            tag_of(state.local) or "",
            state.remote,
            tag_of(state.remote) or "",
            state.target,
            state.route_set,
            state.flow,
            state.sequence,
            None,
        )
        self.session = Session(ua, leg, "", dialog, False, None)

    @property
    def gone(self) -> bool:
        return self.session.gone

    def begin(self, now: float) -> Outs:
        return self.session.bye(_REASON, now)

    def receive(self, request: Request, flow: Flow, now: float) -> Outs:
        return self.session.receive(request, flow, now)

    def cancelled(self, transaction: str, request: Request, now: float) -> Outs:
        return []

    def answered(self, transaction: str, response: Response, now: float) -> Outs:
        return self.session.asking.answered(transaction, response, now)

    def failed(self, transaction: str, status: int, phrase: str, now: float, why: str = "") -> Outs:
        return self.session.asking.failed(transaction, status, phrase, now)

    def resolved(self, flows: tuple[Flow, ...], now: float) -> Outs:
        return self.session.asking.resolved(flows, now)

    def unresolvable(self, reason: str, now: float) -> Outs:
        return self.session.asking.resolved((), now)

    def expire(self, what: str, transaction: str, now: float) -> Outs:
        return []

    def close(self) -> Outs:
        self.session.close()
        return []
