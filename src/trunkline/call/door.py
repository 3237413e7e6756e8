"""How far strangers come: what is answered to a source that nobody knows, and when it is no longer heard at all.

A source is known when an enabled trunk's requests come from there, when it has proved a password, when we ourselves
have sent something there, or when the operator says so. A known source is never banned for what it does: whoever forges
a carrier's address, or an agent's, must not be able to close our ears to it.

A stranger is answered so many times a second and then no more, and no answer by UDP is more than `AMPLIFICATION` times
as long as what it answers. What it does wrong is counted, until it is banned (`guard.bans`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trunkline.call.b2bua.legs import Leg
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Allow, Journal, Observed, Output, Refuse, Transmit, Trust
from trunkline.guard.bans import MOST, Ban, Bans, Terms
from trunkline.guard.rate import Rates
from trunkline.guard.recent import Recent
from trunkline.guard.source import source_of
from trunkline.model.change import Change, Put
from trunkline.model.ids import mint
from trunkline.model.number import Number
from trunkline.routing.networks import Networks, block
from trunkline.routing.table import Table
from trunkline.sip.flow import Flow
from trunkline.sip.uri import parse_uri

AMPLIFICATION: Final = 3
"""Bytes that a stranger on UDP is answered at most for each byte it sent."""
OFFENCES: Final = {"malformed": 1.0, "refused": 1.0, "challenged": 1.0, "dropped": 1.0}
"""By kind of what is observed; what is not here is none."""
GUESS: Final = 3.0
"""The offence of a wrong password, or of a user that does not exist."""
_TARGETS: Final = 43_200.0
"""Seconds that where we sent to is known."""


class Door:
    """One worker's."""

    __slots__ = ("_answers", "_never", "_proved", "_table", "_targets", "_ua", "bans")

    def __init__(self, ua: UserAgent, table: Table, proved: Recent, terms: Terms) -> None:
        """`proved`: sources that have shown a right password."""
        self._ua = ua
        self._table = table
        self._proved = proved
        self._targets = Recent(_TARGETS)
        self._answers = Rates(MOST)
        self._never = Networks()
        self.bans = Bans(terms)
        self._never.put("never", (), [block(text) for text in terms.never])

    def adapt(self, terms: Terms) -> None:
        """Take over other terms. Bans that hold go on."""
        self._never.put("never", [block(text) for text in self.bans.terms.never], [block(text) for text in terms.never])
        self.bans.terms = terms

    def way(self, leg: Leg | None, flows: tuple[Flow, ...], now: float) -> tuple[Flow, ...]:
        """We are about to send there. Not to a carrier, where somebody whom nobody configured has led us: one that
        knows its customers by their address would take the call for a customer's."""
        if isinstance(leg, UacLeg) and leg.target.foreign is not None:
            flows = self._led(leg.target.uri, leg.target.foreign, flows)
        for flow in flows:
            self._targets.add(source_of(flow.remote[0]), now)
        return flows

    def proved(self, host: str, now: float) -> None:
        """Somebody there has proven to be a trunk, in another way than by a password."""
        self._proved.add(source_of(host), now)

    def knows(self, host: str, now: float) -> bool:
        """Whether this literal address is no stranger's."""
        if self._table.signals_from(host):
            return True
        source = source_of(host)
        return (
            self._proved.holds(source, now)
            or self._targets.holds(source, now)
            or self._never.meets(block(source))
            or ("/" in source and self._table.signals_from(source))
        )

    def spares(self, source: str) -> bool:
        """Whether this source is banned by nobody, not even an operator: its calls would end."""
        return self._table.signals_from(source) or self._never.meets(block(source))

    def screen(self, outs: list[Output], size: int, flow: Flow, now: float) -> list[Output]:
        """What becomes of a request outside of any call, `size` bytes long, that was to be met with `outs`."""
        host = flow.remote[0]
        if self.knows(host, now):
            return outs if flow.transport == "udp" or flow.pooled else [Trust(flow), *outs]
        weight, reason, proven = 0.0, "", flow.transport != "udp"
        for out in outs:
            if isinstance(out, Journal):
                # A trunk's own, met from elsewhere: its record and its transaction stand.
                return outs
            if isinstance(out, Observed) and not out.trunk_id:
                weight += GUESS if out.reason == "wrong-credentials" else OFFENCES.get(out.kind, 0.0)
                reason = out.reason or out.kind
                proven = proven or out.proven
        source, answers = source_of(host), self.bans.terms.answers
        if answers is not None:
            if self._answers.wait(source, answers, now) > 0.0:
                weight, reason = weight or 1.0, reason or "flood"
                outs = [Observed("dropped", f"{flow.transport}:{host}", "flood")]
            else:
                self._answers.take(source, answers, now)
        if flow.transport == "udp":
            most = AMPLIFICATION * size
            outs = [out for out in outs if not isinstance(out, Transmit) or len(out.data) <= most]
        if weight and self.bans.offended(source, weight, proven, now):
            return outs + self._begun(self.bans.ban(self._mint(now), source, reason, proven, now))
        return outs

    def add(self, source: str, reason: str, seconds: float, now: float) -> list[Output]:
        """An operator's ban; nothing when the source is spared, or there is no room."""
        if self.spares(source):
            return []
        return self._begun(self.bans.add(self._mint(now), source, reason, seconds, now))

    def lift(self, id: str) -> list[Output]:
        """An operator ends a ban."""
        found = next((ban for ban in self.bans.list() if ban.id == id), None)
        if found is None or self.bans.lift(found.source) is None:
            return []
        return _ended(found, "lifted")

    def meet(self, changes: Iterable[Change], now: float) -> None:
        """The table has taken these: numbers say nothing about who is a stranger."""
        for change in changes:
            if not isinstance(change.record, Number) if isinstance(change, Put) else change.kind != "number":
                self.reconsider(now)
                return

    def reconsider(self, now: float) -> None:
        """The table has changed: nobody stays banned, at the next `expire`, whom a trunk's networks hold now."""
        if len(self.bans):
            for ban in self.bans.list():
                if self._table.signals_from(ban.source):
                    self.bans.cut(ban.source, now)

    def expire(self, now: float) -> list[Output]:
        outs: list[Output] = []
        for ban in self.bans.expire(now):
            outs += _ended(ban, "over")
        self._answers.expire(now)
        return outs

    def deadline(self) -> float:
        return self.bans.deadline()

    def _led(self, uri: str, but: str, flows: tuple[Flow, ...]) -> tuple[Flow, ...]:
        table = self._table
        if table.carrier_named(parse_uri(uri).server, but):
            return ()
        return tuple([flow for flow in flows if not table.carrier_at(flow.remote[0], but)])

    def _begun(self, ban: Ban | None) -> list[Output]:
        if ban is None:
            return []
        detail = f"{ban.until - ban.since:.0f} s, {'all transports' if ban.everywhere else 'UDP'}"
        return [Refuse(ban.source, ban.everywhere), Observed("banned", ban.source, ban.reason, detail=detail)]

    def _mint(self, now: float) -> str:
        return mint(now + self._ua.epoch, bytes.fromhex(self._ua.tokens.token()[2:22]))


def _ended(ban: Ban, why: str) -> list[Output]:
    return [Allow(ban.source), Observed("ban-ended", ban.source, why)]
