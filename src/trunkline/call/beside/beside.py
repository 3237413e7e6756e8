"""What the user agent does beside calls: probing trunks, registering them, trying one when asked. Their requests are
transactions whose owners are no legs."""

from __future__ import annotations

from trunkline.call.beside.probing import OWNER as PROBE
from trunkline.call.beside.probing import Probing
from trunkline.call.beside.registering import OWNER as REGISTER
from trunkline.call.beside.registering import Registering
from trunkline.call.beside.trial import OWNER as TRIAL
from trunkline.call.beside.trial import Trials
from trunkline.call.decision.arrival import Arrival
from trunkline.call.inputs import Resolved, Unresolvable
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Output
from trunkline.model.agent import Agent
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow
from trunkline.sip.transaction.events import Answered, Failed, TimedOut

OWNERS = (PROBE, REGISTER, TRIAL)
"""How the owners of its transactions begin."""


class Beside:
    """All three, as the core deals with them."""

    __slots__ = ("probing", "registering", "trials")

    def __init__(self, ua: UserAgent, arrival: Arrival) -> None:
        """Arrival is told who is silent, and who registered."""
        self.probing = Probing(ua, arrival.table.trunks)
        arrival.silent = self.probing.silent
        self.registering = Registering(ua, arrival.contacts)
        self.trials = Trials(ua)

    def put(self, record: Trunk | Agent, now: float) -> None:
        """It is new or changed."""
        self.probing.put(record, now)
        if isinstance(record, Trunk):
            self.registering.put(record, now)

    def remove(self, id: str, kind: str, now: float) -> None:
        self.probing.remove(id)
        if kind == "trunk":
            self.registering.remove(id, now)

    def answered(self, word: Answered, flow: Flow | None, now: float) -> list[Output]:
        owner = word.owner
        if owner.startswith(PROBE):
            if flow is not None:
                self.registering.seen(flow, word.response.via, now)
            return self.probing.answered(owner[len(PROBE) :], word.transaction, word.response, now)
        if owner.startswith(REGISTER):
            return self.registering.answered(owner[len(REGISTER) :], word.transaction, word.response, now)
        return self.trials.answered(owner[len(TRIAL) :], word.transaction, word.response, now)

    def failed(self, word: TimedOut | Failed, now: float) -> list[Output]:
        owner, reason = word.owner, word.reason if isinstance(word, Failed) else "no answer"
        if owner.startswith(PROBE):
            return self.probing.failed(owner[len(PROBE) :], word.transaction, reason, now)
        if owner.startswith(REGISTER):
            return self.registering.failed(owner[len(REGISTER) :], word.transaction, reason, now)
        return self.trials.failed(owner[len(TRIAL) :], word.transaction, reason, now)

    def located(self, given: Resolved | Unresolvable, now: float) -> list[Output]:
        """Where one of its requests goes, or that it goes nowhere."""
        owner = given.leg
        if owner.startswith(PROBE):
            probed = owner[len(PROBE) :]
            if isinstance(given, Resolved):
                return self.probing.resolved(probed, given.flows, now)
            return self.probing.failed(probed, "", given.reason, now)
        if owner.startswith(REGISTER):
            number = owner[len(REGISTER) :]
            if isinstance(given, Resolved):
                return self.registering.resolved(number, given.flows, now)
            return self.registering.failed(number, "", given.reason, now)
        trial = owner[len(TRIAL) :]
        if isinstance(given, Resolved):
            return self.trials.resolved(trial, given.flows, now)
        return self.trials.failed(trial, "", given.reason, now)

    def expire(self, now: float) -> list[Output]:
        return self.probing.expire(now) + self.registering.expire(now) + self.trials.expire(now)

    def deadline(self) -> float:
        requests = min(self.registering.deadline(), self.trials.deadline())
        return min(self.probing.deadline(), requests)
