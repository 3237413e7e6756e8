"""What goes on with the parties of a call beside their talk: a transfer, who is told what comes of one, digits that are
sent. A call has this from its first REFER or command on; the plain call never does."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from trunkline.call.b2bua import devices, hunt
from trunkline.call.b2bua.digits import Digits
from trunkline.call.b2bua.exchange import Party
from trunkline.call.b2bua.joining import Joining
from trunkline.call.b2bua.ledger import LegEntry, TransferEntry, peer
from trunkline.call.b2bua.media_plan import End, MediaPlan
from trunkline.call.b2bua.redirect import Redirects
from trunkline.call.b2bua.search import AgentLeg, Attempt
from trunkline.call.b2bua.subscription import SIPFRAG, Notice, Notifier, Subscriber
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Failed
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.outputs import Done
from trunkline.model.number import Number
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.routing.select import Candidate
from trunkline.sip.timers import Alarms
from trunkline.trunk.penalty import Penalties

NOTIFY: Final = "notify "
"""What the names of our NOTIFYs begin with."""
ALARMS: Final = ("transfer", "leave", "digits")
"""A call's waits that are for its transfers: the new party rings, or the next try; who has transferred is to leave; the
next digit."""
TRANSFERRED: Final = 'Q.850;cause=16;text="transferred"'
"""The Reason of the BYE to who has no part in the call any more."""


class Referral(NamedTuple):
    """What a REFER, or a command, says of the new party's call."""

    by: str = ""
    """The value of its Referred-By."""
    replaces: str = ""
    """The value of its Replaces: a dialog that the new party has with somebody else."""
    headers: tuple[tuple[str, str], ...] = ()
    """Private headers that go on."""


class Telling:
    """A leg that sent a REFER, and is told what comes of it."""

    __slots__ = ("hung_up", "leaves", "leg", "name", "notifier")

    def __init__(self, leg: Party, name: str, notifier: Notifier) -> None:
        self.leg = leg
        self.name = f"{NOTIFY}{name}"
        self.notifier = notifier
        self.hung_up = False
        """It has ended its dialog, but not the subscription (RFC 5057 §4.2): it is told all the same, and its answers
        find nobody."""
        self.leaves = False
        """It was replaced: when it knows, it gets its BYE."""

    def listens(self, event_id: str) -> bool:
        """Whether an Event with this id is of this subscription."""
        return self.notifier.event_id == event_id

    def tell(self, status: int, words: str, now: float) -> Outs:
        return self._send(self.notifier.tell(status, words, now), now)

    def answered(self, status: int, now: float) -> Outs:
        return self._send(self.notifier.answered(status, now), now)

    def renewed(self, seconds: int, now: float) -> Outs:
        return self._send(self.notifier.renewed(seconds, now), now)

    def _send(self, notice: Notice | None, now: float) -> Outs:
        outs: Outs = []
        while notice is not None:
            outs += self.leg.ask(self.name, "NOTIFY", notice.body, SIPFRAG, notice.headers, now)
            notice = self.notifier.answered(200, now) if self.hung_up else None
        return outs


class Transfer:
    """One transfer: the party at `end` is to be replaced, the other one stays."""

    __slots__ = (
        "began",
        "candidates",
        "caller",
        "early",
        "end",
        "entry",
        "exchange",
        "joining",
        "leg",
        "lender",
        "line",
        "longest",
        "number",
        "orphaned",
        "plan",
        "redirects",
        "referral",
        "rules",
        "sequence",
        "subscriber",
        "telling",
        "token",
        "tried",
        "trunk",
        "vital",
    )

    def __init__(self, end: End, entry: TransferEntry, token: str = "") -> None:
        self.end: End = end
        """Whose place it is about. Of a REFER that we send: the place of the party that stays."""
        self.entry = entry
        self.token = token
        """The command that asked for it; empty for none."""
        self.began = inf
        """When the first candidate was called."""
        self.candidates: list[Attempt] = []
        """Who is tried next, in order."""
        self.vital = ""
        """Why the call ends when there is no new party; empty where it then goes on as it was."""
        self.longest: float | None = None
        """Seconds that a candidate may ring at most; None: as long as it may by itself."""
        self.rules: OutboundRules | None = None
        """Whose limits it counts against; None when it goes to no telephone."""
        self.number: Number | None = None
        """The number of ours that it goes to."""
        self.caller: str | None = None
        """Who the new party is told is calling."""
        self.referral = Referral()
        self.tried: Attempt | None = None
        self.redirects: Redirects | None = None
        """None until a candidate leads elsewhere."""
        self.trunk: Trunk | None = None
        """The new party's, where it was not tried but came."""
        self.leg: AgentLeg | UasLeg | None = None
        """The new party's."""
        self.line: LegEntry | None = None
        self.plan: MediaPlan | None = None
        self.early: dict[str, tuple[bytes, str]] = {}
        """Session descriptions that came with ringing, by early dialog."""
        self.joining: Joining | None = None
        self.telling: Telling | None = None
        self.orphaned = False
        """Who is to be replaced has hung up."""
        self.lender = ""
        """The call that the new party is in until it is joined to this one; empty when it is in none."""
        self.subscriber: Subscriber | None = None
        """Of a REFER that we sent."""
        self.exchange = ""
        """The name of that REFER."""
        self.sequence = 0
        """Its CSeq number, by which its NOTIFYs may name it (RFC 3515 §2.4.6)."""

    def begin(self, penalties: Penalties, now: float) -> None:
        """A candidate is called: the first is the beginning."""
        if self.began == inf:
            self.began = now
            self.candidates = devices.ordered(self.candidates, penalties, now)

    def leads_on(self, event: Failed) -> bool:
        """Whether the failure of who was tried leads to the next; a redirection puts its contacts before them."""
        tried, leg, line = self.tried, self.leg, self.line
        if event.contacts and isinstance(tried, Candidate):
            redirects = self.redirects = self.redirects or Redirects()
            self.candidates = [
                *redirects.follow(event.contacts, tried, leg.flow if leg is not None else None),
                *self.candidates,
            ]
            # A contact that leads no further does not speak for those beside it.
            following = self.candidates[0] if self.candidates else None
            if isinstance(following, Candidate) and redirects.named(following):
                return True
        provisional = isinstance(leg, UacLeg) and leg.provisional
        rang = bool(self.early) or (line is not None and line.ringing_at is not None)
        if isinstance(tried, Candidate) and hunt.one_device(tried, event, provisional):
            return True
        return hunt.hunts_on(event, provisional, rang, tried.hunt_on if tried is not None else ())

    def more(self, now: float) -> bool:
        """Whether there is another to try, and time for it."""
        self.candidates = [one for one in self.candidates if now - self.began < one.within]
        return bool(self.candidates)


class Moving:
    """Of one call."""

    __slots__ = (
        "_alarms",
        "_call",
        "abandoned",
        "digits",
        "digits_token",
        "lent",
        "made",
        "orphaned",
        "referred",
        "restoring",
        "settling",
        "tellings",
        "transfer",
    )

    def __init__(self, call: str, alarms: Alarms[tuple[str, str]]) -> None:
        self.transfer: Transfer | None = None
        self.restoring: Joining | None = None
        """A party that stays is on its way back to the one it had."""
        self.settling: Joining | None = None
        """A new party still has to agree to what the other one said to it."""
        self.tellings: dict[str, Telling] = {}
        """By the name of their NOTIFYs."""
        self.digits: Digits | None = None
        self.digits_token = ""
        self.made = 0
        """Names of exchanges and legs that were given out."""
        self.referred: set[str] = set()
        """The legs that sent a REFER."""
        self.lent = ""
        """The call that wants a party of this one; empty: none."""
        self.abandoned: Transfer | None = None
        """The transfer that went on when the call ended."""
        self.orphaned = False
        """Who has lent a party has hung up: the call ends when the party comes back."""
        self._call = call
        self._alarms = alarms

    def name(self) -> str:
        """A name that nothing of this call had before."""
        self.made += 1
        return f"{self._call}:t{self.made}"

    @property
    def busy(self) -> bool:
        """Whether no further transfer can begin."""
        return self.transfer is not None or self.restoring is not None or bool(self.lent)

    def legs(self) -> list[str]:
        """The legs that have no place, or none yet."""
        found = [telling.leg.id for telling in self.tellings.values()]
        found += [each.leg.id for each in (self.transfer, self.abandoned) if each is not None and each.leg is not None]
        return found

    def abandon(self, reason: str, now: float, wall: float) -> Outs:
        """The call ends: nobody waits for anything any more."""
        outs: Outs = []
        transfer, self.transfer = self.transfer, None
        if transfer is not None:
            self.abandoned = transfer
            if isinstance(transfer.leg, UacLeg) and transfer.line is not None:
                transfer.line.peer = peer(transfer.leg.flow)
            if transfer.leg is not None:
                outs += transfer.leg.disconnect(reason, now)
            transfer.entry.end("failed", 487, "Request Terminated", "The call ended first.", wall)
            if transfer.telling is not None:
                outs += transfer.telling.tell(487, "Request Terminated", now)
            if transfer.token:
                outs.append(Done(transfer.token, False, "call-ended", "The call ended first."))
        if self.digits is not None:
            self.digits = None
            outs.append(Done(self.digits_token, False, "call-ended", "The call ended first."))
        self.restoring = self.settling = None
        for what in ALARMS:
            self._alarms.clear((self._call, what))
        for telling in self.tellings.values():
            if telling.leaves and not telling.hung_up:
                outs += telling.leg.disconnect("", now)
        return outs
