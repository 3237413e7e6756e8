"""Answers to an INVITE of ours that nobody waits for: a 200 that crosses the CANCEL, the second 200 of a forking proxy.
Each is acknowledged and ended with BYE (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Transmit
from trunkline.sip.dialog.dialog import Dialog


class Unwanted:
    """Those of one leg."""

    __slots__ = ("_acks", "_byes", "_call", "_leg", "_ua")

    def __init__(self, ua: UserAgent, leg: str, call: str) -> None:
        self._ua = ua
        self._leg = leg
        self._call = call
        self._acks: dict[str, Transmit] = {}
        """By To-tag."""
        self._byes: tuple[str, ...] = ()
        """The BYEs that have no answer yet."""

    def __len__(self) -> int:
        return len(self._acks)

    @property
    def tags(self) -> tuple[str, ...]:
        """To-tags of all that were ended."""
        return tuple(self._acks)

    @property
    def open(self) -> bool:
        """Whether one of their ends is still awaited."""
        return bool(self._byes)

    def end(self, dialog: Dialog, sequence: int, shown: str, reason: str, now: float) -> Outs:
        """ACK the answer that made `dialog` to the INVITE with this CSeq number, and BYE. `shown`: the lines of the
        INVITE's credentials. `reason`: a header line."""
        ua = self._ua
        sent_by = ua.sent_by(dialog.flow)
        data = dialog.request("ACK", sent_by, ua.tokens.branch(), shown, sequence=sequence)
        ack = self._acks[dialog.remote_tag] = Transmit(dialog.flow, data, "", self._call)
        branch = ua.tokens.branch()
        bye = dialog.request("BYE", sent_by, branch, reason)
        key, told = ua.layer.request(bye, "BYE", branch, dialog.flow, self._leg, self._call, now)
        self._byes += (key,)
        return [ack, *told]

    def again(self, tag: str) -> Outs:
        """The answer came again: its ACK was lost. Nothing for one that is new."""
        return [self._acks[tag]] if tag in self._acks else []

    def ended(self, transaction: str) -> None:
        """A BYE has its answer, or will have none."""
        if self._byes:
            self._byes = tuple([bye for bye in self._byes if bye != transaction])
