"""How the media of a call goes, seen as session descriptions that cross it (RFC 3264, RFC 6337).

*Direct*: the ends send media to each other. An SDP crosses with our o= line, less what the trunks of both legs forbid.
*Ends here*: the agent is in this process. The caller's offer is only held against its trunk; who answers it is the
media room, whose answer crosses with our o= line like any other. A call may go from one to the other while agents are
tried: the caller's leg keeps one session id and counts its versions on.

Which message carries an offer and which an answer is for the legs to know, as is glare:

    plan = MediaPlan(session, Terms(advertised, policy_of(carrier_trunk)))
    refusal = plan.check(invite.body)                       # 488 before any agent is called
    plan.reach(Terms(advertised_to_agent, policy_of(agent_trunk)))   # again for every attempt
    body = plan.offer("caller", invite.body)                # bytes for the agent's INVITE, or a Refusal
    body = plan.answer("agent", ok.body)                    # bytes for our 200, or a Refusal: end the agent's leg
    body = plan.offer("agent", reinvite.body)               # a re-INVITE crosses the other way
    plan.withdraw("agent")                                  # ... and the caller answered it 488 or 491

An INVITE without SDP is the same with the sides exchanged: `offer("agent", ok.body)` for our 200, then
`answer("caller", ack.body)` for the agent's ACK. An answer may come twice for one offer (a 183, then the 200).
"""

from __future__ import annotations

import re
from typing import Final, Literal

from trunkline.model.trunk import Trunk
from trunkline.sdp.description import Description, parse
from trunkline.sdp.errors import SdpError
from trunkline.sdp.handover import as_offer, same_media
from trunkline.sdp.multipart import Span, find_sdp
from trunkline.sdp.offer_answer import silent
from trunkline.sdp.origin import OurOrigin
from trunkline.sdp.policy import OPEN, Policy
from trunkline.sdp.refusal import Refusal, refuse, refuse_answer, refuse_malformed
from trunkline.sdp.relay import cross_answer, cross_offer, cut, padded

End = Literal["caller", "agent"]
ENDS: Final[tuple[End, End]] = ("agent", "caller")
_SDP: Final = "application/sdp"
_ORIGIN: Final = re.compile(rb"^o=[^\r\n]*", re.MULTILINE)
_REJECTED: Final = re.compile(rb"^m=\S+ 0[ /]", re.MULTILINE).search


class Terms:
    """What holds for the SDP of one leg."""

    __slots__ = ("address", "policy")

    def __init__(self, address: str, policy: Policy = OPEN) -> None:
        self.address = address
        """The literal address in our o= line: what we advertise on that leg."""
        self.policy = policy


def policy_of(trunk: Trunk | None) -> Policy:
    """What a trunk lets through; everything, for a leg without one."""
    return OPEN if trunk is None else Policy(trunk.codecs, trunk.media_encryption)


class _Said:
    """A description as it came from a leg."""

    __slots__ = ("answered", "description")

    def __init__(self, description: Description, answered: bool) -> None:
        self.description = description
        self.answered = answered
        """Whether it was an answer."""


class _Leg:
    """One leg as the plan sees it: what we sent it, and the last SDP that came from it and crossed."""

    __slots__ = ("agreed", "asked", "crossed", "offered", "origin", "own", "policy", "said")

    def __init__(self, origin: OurOrigin, own: Policy) -> None:
        self.origin = origin
        self.own = own
        """What its own trunk allows."""
        self.policy = own
        """What may be sent to it: its own trunk's terms, met by the other's."""
        self.offered: Description | None = None
        """The offer we sent it last, which its answer must fit."""
        self.asked = 0
        """How many sections of that the offerer knows of, where the others are those of its own session; 0: all."""
        self.crossed: _Crossed | None = None
        self.said: _Said | None = None
        """What came from it last."""
        self.agreed: _Said | None = None
        """What came from it last and has an answer, or was one."""


class _Crossed:
    """The last SDP that crossed from a leg, so the last that the other leg was sent. The same again gives the same."""

    __slots__ = ("body", "offer", "result")

    def __init__(self, body: bytes, offer: Description | None, result: bytes) -> None:
        self.body = body
        self.offer = offer
        """The offer it answered; None when it was one."""
        self.result = result


class _Checked:
    """The caller's offer, read once for all attempts, and what its own trunk makes of it."""

    __slots__ = ("body", "offer", "passed", "policy")

    def __init__(self, body: bytes, offer: Description, policy: Policy, passed: Description) -> None:
        self.body = body
        self.offer = offer
        self.policy = policy
        self.passed = passed


class MediaPlan:
    """The session descriptions of one call. Two legs: the caller's from the start, the agent's from `reach`."""

    __slots__ = ("_agent", "_caller", "_checked", "_offerer", "_session", "_terms", "ends_here")

    def __init__(self, session: int, caller: Terms) -> None:
        """`session`: a number below 2**62 that no other call has; the legs' session ids are counted from it."""
        self._session = session
        self._terms = caller
        self._caller = _Leg(OurOrigin(session, caller.address), caller.policy)
        self._agent: _Leg | None = None
        self._checked: _Checked | None = None
        self._offerer: End | None = None
        self.ends_here = False
        """Which of the two plans holds since the last `reach` or `reach_here`."""

    @property
    def offerer(self) -> End | None:
        """The side whose offer waits for its answer."""
        return self._offerer

    def reach(self, agent: Terms) -> None:
        """A new attempt at an agent, over SIP: a new leg with a session of its own. Media is direct."""
        self._session += 1
        self._offerer = None
        self.ends_here = False
        self._caller.policy = self._terms.policy.meet(agent.policy)
        self._caller.crossed = None
        self._agent = _Leg(OurOrigin(self._session, agent.address), agent.policy)
        self._agent.policy = agent.policy.meet(self._terms.policy)

    def reach_here(self) -> None:
        """A new attempt at an agent, in this process. Media ends here."""
        self._session += 1
        self._offerer = None
        self.ends_here = True
        self._caller.policy = self._terms.policy
        self._caller.crossed = None
        self._agent = _Leg(OurOrigin(self._session, self._terms.address), OPEN)

    def check(self, body: bytes, content_type: str | None = _SDP) -> Refusal | None:
        """What the caller's own trunk has against its offer, before there is an agent; None when nothing.

        A body without SDP has nothing to refuse: the offer will come from the agent.
        """
        span = find_sdp(content_type, body)
        if span is None:
            return None
        offer = self._read(body, span)
        if isinstance(offer, Refusal):
            return offer
        policy = self._terms.policy
        passed = cross_offer(offer, policy)
        if isinstance(passed, Refusal):
            return passed
        self._checked = _Checked(body, offer, policy, passed)
        return None

    def offer(self, side: End, body: bytes, content_type: str | None = _SDP) -> bytes | Refusal:
        """The body that carries `side`'s offer to the other side.

        When media ends here the caller's comes back as it is, as bare SDP: it is for `OpenMedia`.
        A refused offer changes nothing.
        """
        source, target = self._legs(side)
        crossed = source.crossed
        if crossed is not None and crossed.offer is None and crossed.body == body:
            self._offerer = side
            return crossed.result
        span = find_sdp(content_type, body)
        if span is None:
            return refuse(400, 399, "no-sdp", "The body holds no session description")
        offer = self._read(body, span)
        if isinstance(offer, Refusal):
            return offer
        to_room = self.ends_here and side == "caller"
        passed = self._pass(offer, source.policy if to_room else target.policy)
        if isinstance(passed, Refusal):
            return passed
        source.said = _Said(offer, False)
        if to_room:
            target.offered = offer
            self._offerer = side
            return body[span.start : span.end]
        target.asked = 0
        before = target.agreed
        if before is not None and 0 < len(passed.media) < len(before.description.media):
            target.asked = len(passed.media)
            passed = padded(passed, before.description)
        result = target.origin.stamp(passed)
        target.offered = passed
        self._offerer = side
        source.crossed = _Crossed(body, None, result)
        return result

    def answer(self, side: End, body: bytes, content_type: str | None = _SDP) -> bytes | Refusal:
        """The body that carries `side`'s answer to the offer it was sent last.

        A refusal says what the offerer is told; `side` has already answered, so its leg is ended.
        """
        source, target = self._legs(side)
        crossed = source.crossed
        if source.offered is None:
            return refuse_answer("An answer came where nothing was offered")
        if crossed is not None and crossed.offer is source.offered and crossed.body == body:
            self._offerer = None
            return crossed.result
        span = find_sdp(content_type, body)
        if span is None:
            return refuse_answer("The answer holds no session description")
        try:
            answer = parse(body[span.start : span.end])
        except SdpError as error:
            return refuse_answer(f"The answer cannot be read: {error}")
        passed = cross_answer(answer, source.offered, OPEN if self.ends_here else target.policy)
        if isinstance(passed, Refusal):
            return passed
        if source.asked:
            passed = cut(passed, source.asked)
        self._offerer = None
        self._checked = None
        source.said = source.agreed = _Said(answer, True)
        target.agreed = target.said
        if self.ends_here and side == "caller":
            return body[span.start : span.end]
        result = target.origin.stamp(passed)
        source.crossed = _Crossed(body, source.offered, result)
        return result

    def unchanged(self, side: End, body: bytes) -> bool:
        """Whether an offer of `side` is what it said last, apart from its version: what it was sent last answers it."""
        if self._agent is None or self._offerer is not None:
            return False
        source, target = self._legs(side)
        mine, theirs = source.crossed, target.crossed
        if mine is None or theirs is None or (mine.body != body and _bare(mine.body) != _bare(body)):
            return False
        if mine.offer is None:
            return theirs.offer is not None
        # Its last was an answer. An offer may stand in for an answer where nothing was refused or left open in it.
        return b"a=setup:actpass" not in theirs.result and _REJECTED(body) is None

    def locate(self, address: str) -> None:
        """What we advertise on the agent's leg, known once its INVITE goes out."""
        if self._agent is not None:
            self._agent.origin.move(address)

    def again(self, side: End, body: bytes) -> bytes | None:
        """The body that offers the other side of `side` once more what it was sent before; None when it cannot."""
        target = self._legs(side)[1]
        try:
            before = parse(body)
        except SdpError:
            return None
        target.offered, target.asked = before, 0
        self._offerer = side
        return target.origin.stamp(before)

    def withdraw(self, side: End) -> None:
        """`side`'s offer was refused by the other side: what was agreed before it holds on (RFC 3264 §8).

        Its version number stays used, so that no two descriptions on a leg ever share one.
        """
        source, target = self._legs(side)
        target.offered = None
        source.crossed = None
        source.said = source.agreed
        self._offerer = None

    # ── a party is exchanged ──────────────────────────────────────────────────────────────────────────────────────────

    def agreed(self, side: End) -> bytes:
        """What `side` said last that both agreed on, as an offer to somebody else; empty when nothing was agreed on."""
        source, _ = self._legs(side)
        return b"" if source.agreed is None else as_offer(source.agreed.description, source.agreed.answered).encode()

    def successor(self, end: End, terms: Terms, here: bool) -> MediaPlan:
        """The plan of the same call with somebody new at `end`. Who stays keeps its session, and counts its versions on
        in both plans. `here`: the agent's end is in this process."""
        self._session += 1
        fresh = _Leg(OurOrigin(self._session, terms.address), terms.policy)
        return self._with(end, fresh, here)

    def merged(self, end: End, other: MediaPlan, its: End, here: bool) -> MediaPlan:
        """The plan that joins who stays here with who is at `its` in another call: both keep their sessions."""
        leg, _ = other._legs(its)
        return self._with(end, _kept(leg), here)

    def propose(self, side: End, body: bytes) -> None:
        """What `side` answered, as `answer` gave it, goes to the other side as an offer."""
        _, target = self._legs(side)
        target.offered, target.asked = parse(body), 0
        self._offerer = side

    def silence(self, side: End, offer: bytes, kind: str | None, theirs: bytes, its_kind: str | None) -> bytes | None:
        """What answers `side`'s own `offer` while nobody is there for it. None when the other side's offer, `theirs`,
        cannot take its place afterwards, section for section (RFC 3264 §8)."""
        leg, _ = self._legs(side)
        said = []
        for body, span in ((offer, find_sdp(kind, offer)), (theirs, find_sdp(its_kind, theirs))):
            read = self._read(body, span) if span is not None else None
            if not isinstance(read, Description):
                return None
            said.append(read)
        mine, other = [[section.kind for section in each.media] for each in said]
        return leg.origin.stamp(silent(said[0])) if mine == other[: len(mine)] else None

    def renew(self, side: End) -> None:
        """What `side` said last is to be sent again, with a version of its own: its other side was told something else
        meanwhile."""
        source, _ = self._legs(side)
        source.crossed = None

    def settled(self, side: End) -> bool:
        """Whether what `side` said last is what its other side was told of it before, as far as media goes."""
        source, target = self._legs(side)
        told = target.offered
        if told is not None and target.asked:
            told = cut(told, target.asked)
        return source.said is not None and told is not None and same_media(told, source.said.description)

    def _with(self, end: End, fresh: _Leg, here: bool) -> MediaPlan:
        stays = _kept(self._legs("agent" if end == "caller" else "caller")[0])
        stays.policy, fresh.policy = stays.own.meet(fresh.own), fresh.own.meet(stays.own)
        plan = MediaPlan(self._session, self._terms)
        plan._caller, plan._agent = (fresh, stays) if end == "caller" else (stays, fresh)
        plan.ends_here = here
        return plan

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _legs(self, side: End) -> tuple[_Leg, _Leg]:
        if self._agent is None:
            raise RuntimeError("no agent is being reached: `reach` comes first")
        return (self._caller, self._agent) if side == "caller" else (self._agent, self._caller)

    def _read(self, body: bytes, span: Span) -> Description | Refusal:
        if self._checked is not None and self._checked.body == body:
            return self._checked.offer
        try:
            return parse(body[span.start : span.end])
        except SdpError as error:
            return refuse_malformed(error)

    def _pass(self, offer: Description, policy: Policy) -> Description | Refusal:
        checked = self._checked
        if checked is not None and checked.offer is offer and checked.policy == policy:
            return checked.passed
        return cross_offer(offer, policy)


def _bare(body: bytes) -> bytes:
    """A description without its o= line, whose version some count on without a change."""
    return _ORIGIN.sub(b"", body, 1)


def _kept(leg: _Leg) -> _Leg:
    """The leg in another plan: its session goes on."""
    kept = _Leg(leg.origin, leg.own)
    kept.said = kept.agreed = leg.agreed
    return kept
