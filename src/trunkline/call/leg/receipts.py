"""Reliable provisional responses (RFC 3262 §4), as who gets them: the early dialogs of one INVITE of ours.

Each counts on its own. What comes again, or before its turn, is passed over: who sent it will repeat it.
"""

from __future__ import annotations

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.early import EarlyDialog
from trunkline.call.leg.headers import SDP
from trunkline.call.leg.question import Question
from trunkline.call.leg.session import Session
from trunkline.sip.message import Response


def number(response: Response) -> int | None:
    """The RSeq of a provisional response that is reliable; None of any other."""
    text = response.get("rseq")
    if text is None or not text.isdecimal() or len(text) > 10:
        return None
    return int(text) if any("100rel" in line.lower() for line in response.headers("require")) else None


class Receipt(EarlyDialog):
    """One early dialog."""

    __slots__ = ("owed",)

    def __init__(self, session: Session, sequence: int) -> None:
        super().__init__(session, sequence)
        self.owed = ""
        """The RAck line of a PRACK that waits for the answer to the offer it is about."""


class Receipts:
    """Those of one leg, by the peer's tag."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, Receipt] = {}

    def all(self) -> list[EarlyDialog]:
        return [receipt for receipt in self._known.values() if not receipt.session.ended] if self._known else []

    def of(self, tag: str | None) -> Receipt | None:
        return self._known.get(tag or "")

    def open(self, tag: str, session: Session) -> Receipt:
        """An early dialog begins."""
        receipt = self._known[tag] = Receipt(session, -1)
        return receipt

    def take(self, receipt: Receipt, response: Response, offered: bool, now: float) -> tuple[Outs, bytes] | None:
        """Acknowledge a reliable response, at once or with the answer to its offer (`offered`: the INVITE had it); what
        to send, and the session description that counts. None when it is to be passed over."""
        sequence = number(response)
        if sequence is None or receipt.owed or (receipt.sequence >= 0 and sequence != receipt.sequence + 1):
            return None
        receipt.sequence = sequence
        rack = f"RAck: {sequence} {response.cseq} INVITE\r\n"
        body = b"" if receipt.settled else response.body
        if body and not offered:
            receipt.owed = rack
            return [], body
        receipt.settled = receipt.settled or bool(body)
        return receipt.session.asking.send(Question("PRACK", "", rack), now), body

    def answer(self, body: bytes, now: float) -> Outs:
        """The answer to the offer that a response brought."""
        for receipt in self._known.values():
            if receipt.owed:
                rack, receipt.owed = receipt.owed, ""
                receipt.settled = True
                receipt.session.asking.description = body
                return receipt.session.asking.send(Question("PRACK", "", rack, body, SDP), now)
        return []

    def drop(self, kept: Receipt | None, now: float) -> Outs:
        """The INVITE has its end: of its early dialogs only `kept` goes on."""
        outs: Outs = []
        for receipt in self._known.values():
            if receipt is not kept and not receipt.session.ended:
                outs += receipt.session.drop(now)
        return outs

    def clear(self) -> None:
        """Another INVITE goes out: its early dialogs are others."""
        self.close()
        self._known.clear()

    def close(self) -> None:
        for receipt in self._known.values():
            receipt.session.close()
