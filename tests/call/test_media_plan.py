from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.sdp.offers import ORDINARY, description, mangled, offers
from trunkline.call.b2bua.media_plan import End, MediaPlan, Terms, policy_of
from trunkline.model.trunk import Trunk
from trunkline.sdp.description import parse
from trunkline.sdp.policy import OPEN, Policy
from trunkline.sdp.refusal import Refusal

G711 = Policy(("PCMA", "PCMU"))
ANSWER = description(
    "m=audio 6000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000", origin="agent 5 5 IN IP4 10.0.0.9"
)


def planned(caller: Policy = OPEN, agent: Policy = OPEN) -> MediaPlan:
    plan = MediaPlan(1000, Terms("203.0.113.1", caller))
    plan.reach(Terms("203.0.113.2", agent))
    return plan


def passed(result: bytes | Refusal) -> bytes:
    assert isinstance(result, bytes), result
    return result


def refusal(result: bytes | Refusal | None) -> Refusal:
    assert isinstance(result, Refusal)
    return result


def origin(sdp: bytes) -> str:
    return " ".join(parse(sdp).origin)


def test_an_open_plan_changes_the_origin_alone() -> None:
    plan = planned()
    out = passed(plan.offer("caller", ORDINARY))
    assert out == ORDINARY.replace(b"alice 2890844526 2890844527 IN IP4 192.0.2.10", b"edge 1001 1 IN IP4 203.0.113.2")
    back = passed(plan.answer("agent", ANSWER))
    assert back == ANSWER.replace(b"agent 5 5 IN IP4 10.0.0.9", b"edge 1000 1 IN IP4 203.0.113.1")


def test_the_offerer_is_known_until_the_answer() -> None:
    plan = planned()
    seen = [plan.offerer]
    plan.offer("caller", ORDINARY)
    seen.append(plan.offerer)
    plan.answer("agent", ANSWER)
    seen.append(plan.offerer)
    assert seen == [None, "caller", None]


def test_an_sdp_that_comes_again_goes_again() -> None:
    plan = planned(G711)
    for _ in range(2):
        assert origin(passed(plan.offer("caller", ORDINARY))) == "edge 1001 1 IP4 203.0.113.2"
    for _ in range(2):
        assert origin(passed(plan.answer("agent", ANSWER))) == "edge 1000 1 IP4 203.0.113.1"


def test_a_reoffer_from_either_end_counts_on() -> None:
    plan = planned()
    plan.offer("caller", ORDINARY)
    plan.answer("agent", ANSWER)
    hold = ANSWER + b"a=sendonly\r\n"
    assert origin(passed(plan.offer("agent", hold))) == "edge 1000 2 IP4 203.0.113.1"
    assert origin(passed(plan.answer("caller", ORDINARY))) == "edge 1001 1 IP4 203.0.113.2"
    assert origin(passed(plan.offer("agent", ANSWER))) == "edge 1000 3 IP4 203.0.113.1"


def test_versions_do_not_go_back_to_what_was_sent_before() -> None:
    plan = planned()
    other = description("m=audio 4000 RTP/AVP 0\na=sendonly")
    first = passed(plan.offer("caller", ORDINARY))
    plan.answer("agent", ANSWER)
    assert origin(passed(plan.offer("caller", other))) == "edge 1001 2 IP4 203.0.113.2"
    plan.withdraw("caller")
    third = passed(plan.offer("caller", ORDINARY))
    assert third == first.replace(b"edge 1001 1 ", b"edge 1001 3 ")


def test_a_reoffer_that_lacks_a_section_gets_the_one_that_the_other_side_knows() -> None:
    """RFC 3264 §8: a gateway goes from fax back to audio as if there had been no other section."""
    audio = b"m=audio 6000 RTP/AVP 8\r\n"
    session = b"v=0\r\no=gw 1 %d IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
    fax = b"m=image 6002 udptl t38\r\na=T38FaxVersion:0\r\n"
    plan = planned()
    plan.offer("caller", session % 1 + audio + fax)
    plan.answer("agent", session % 2 + audio.replace(b"6000", b"7000") + fax)
    out = passed(plan.offer("caller", session % 3 + audio))
    assert out.endswith(audio + b"m=image 0 udptl t38\r\n")
    back = passed(plan.answer("agent", session % 4 + audio + b"m=image 0 udptl t38\r\n"))
    assert back.endswith(b"t=0 0\r\n" + audio)
    assert plan.settled("caller")
    # Whoever knows the section still may use it again.
    assert passed(plan.offer("agent", session % 5 + audio + fax)).endswith(audio + fax)
    assert passed(plan.answer("caller", session % 6 + audio + fax)).endswith(audio + fax)


def test_a_withdrawn_offer_has_no_answer() -> None:
    plan = planned()
    plan.offer("caller", ORDINARY)
    plan.withdraw("caller")
    assert plan.offerer is None
    assert refusal(plan.answer("agent", ANSWER)).reason == "bad-answer"
    passed(plan.offer("caller", ORDINARY))
    passed(plan.answer("agent", ANSWER))


def test_the_same_answer_to_another_offer_is_another_answer() -> None:
    plan = planned(G711)
    answer = description("m=audio 6000 RTP/AVP 8 0")
    plan.offer("caller", ORDINARY)
    assert parse(passed(plan.answer("agent", answer))).media[0].formats == ["8", "0"]
    plan.offer("caller", description("m=audio 4000 RTP/AVP 0"))
    assert parse(passed(plan.answer("agent", answer))).media[0].formats == ["0"]


def test_a_delayed_offer_is_the_same_with_sides_exchanged() -> None:
    plan = planned(G711)
    offered = passed(plan.offer("agent", ORDINARY))
    assert parse(offered).media[0].formats == ["8", "0", "101"]
    assert origin(offered) == "edge 1000 1 IP4 203.0.113.1"
    assert origin(passed(plan.answer("caller", ANSWER))) == "edge 1001 1 IP4 203.0.113.2"


def test_both_trunks_are_obeyed_each_leg_in_its_own_order() -> None:
    sdp = description("m=audio 4000 RTP/AVP 9 8 0")
    plan = planned(Policy(("G722", "PCMU", "PCMA")), G711)
    offered = passed(plan.offer("caller", sdp))
    assert parse(offered).media[0].formats == ["8", "0"]
    assert parse(passed(plan.answer("agent", offered))).media[0].formats == ["0", "8"]


def test_an_attempt_at_another_agent_is_another_session() -> None:
    plan = planned(G711, Policy(("PCMU",)))
    assert parse(passed(plan.offer("caller", ORDINARY))).media[0].formats == ["0", "101"]
    plan.answer("agent", ANSWER.replace(b" 8 ", b" 0 "))
    plan.reach(Terms("203.0.113.3"))
    offered = passed(plan.offer("caller", ORDINARY))
    assert origin(offered) == "edge 1002 1 IP4 203.0.113.3"
    assert parse(offered).media[0].formats == ["8", "0", "101"]
    assert origin(passed(plan.answer("agent", ANSWER))) == "edge 1000 2 IP4 203.0.113.1"


def test_the_caller_can_be_refused_before_any_agent() -> None:
    plan = MediaPlan(1, Terms("203.0.113.1", Policy(("G722",))))
    found = refusal(plan.check(ORDINARY))
    assert (found.status, found.warning[:3]) == (488, "305")
    assert refusal(plan.check(b"v=0\r\nrubbish")).status == 400
    assert plan.check(b"") is None
    assert plan.check(b"<xml/>", "application/xml") is None
    assert plan.check(description("m=audio 4000 RTP/AVP 9")) is None


def test_what_was_checked_is_held_against_the_agents_trunk_too() -> None:
    plan = MediaPlan(1, Terms("203.0.113.1", G711))
    assert plan.check(ORDINARY) is None
    plan.reach(Terms("203.0.113.2", Policy(("PCMU",))))
    assert parse(passed(plan.offer("caller", ORDINARY))).media[0].formats == ["0", "101"]
    plan.reach(Terms("203.0.113.2"))
    assert parse(passed(plan.offer("caller", ORDINARY))).media[0].formats == ["8", "0", "101"]


def test_a_refused_offer_changes_nothing() -> None:
    plan = planned(G711)
    plan.offer("caller", ORDINARY)
    plan.answer("agent", ANSWER)
    assert refusal(plan.offer("agent", description("m=audio 4000 RTP/AVP 18"))).status == 488
    assert refusal(plan.offer("caller", b"v=0")).status == 400
    assert refusal(plan.offer("caller", b"")).reason == "no-sdp"
    assert plan.offerer is None
    assert origin(passed(plan.answer("agent", ANSWER))) == "edge 1000 1 IP4 203.0.113.1"


def test_a_bad_answer_is_the_answerers() -> None:
    plan = planned(G711)
    plan.offer("caller", ORDINARY)
    for body in (b"", b"v=0\r\n", description("m=audio 4000 RTP/AVP 18"), description("m=video 4000 RTP/AVP 31")):
        assert refusal(plan.answer("agent", body)).status == 502
    assert plan.offerer == "caller"


@pytest.mark.parametrize("content_type", [None, "application/sdp"])
def test_sdp_without_its_type_is_sdp(content_type: str | None) -> None:
    assert origin(passed(planned().offer("caller", ORDINARY, content_type))) == "edge 1001 1 IP4 203.0.113.2"


def test_other_parts_of_a_body_do_not_cross() -> None:
    before = b"--x\r\nContent-Type: application/isup\r\n\r\n\x00\xff\r\n--x\r\nContent-Type: application/sdp\r\n\r\n"
    body = before + ORDINARY + b"\r\n--x--\r\n"
    out = passed(planned().offer("caller", body, "multipart/mixed;boundary=x"))
    alone = passed(planned().offer("caller", ORDINARY))
    assert out == alone


def test_when_media_ends_here_the_room_gets_the_offer_as_it_is() -> None:
    plan = MediaPlan(1000, Terms("203.0.113.1", G711))
    plan.reach_here()
    assert plan.ends_here
    assert passed(plan.offer("caller", ORDINARY)) == ORDINARY
    assert origin(passed(plan.answer("agent", ANSWER))) == "edge 1000 1 IP4 203.0.113.1"
    assert refusal(plan.offer("caller", description("m=audio 4000 RTP/AVP 18"))).status == 488


def test_when_media_ends_here_our_offer_obeys_the_callers_trunk() -> None:
    plan = MediaPlan(1000, Terms("203.0.113.1", Policy((), "require")))
    plan.reach_here()
    assert refusal(plan.offer("agent", ORDINARY)).reason == "media-encryption"
    plan = MediaPlan(1000, Terms("203.0.113.1"))
    plan.reach_here()
    plan.offer("agent", ORDINARY)
    assert passed(plan.answer("caller", ANSWER)) == ANSWER


def test_from_a_sip_agent_to_one_in_this_process_the_callers_session_goes_on() -> None:
    plan = planned(OPEN, Policy(("PCMU",)))
    plan.offer("caller", ORDINARY)
    plan.answer("agent", description("m=audio 6000 RTP/AVP 0\na=inactive"))
    plan.reach_here()
    assert passed(plan.offer("caller", ORDINARY)) == ORDINARY
    assert origin(passed(plan.answer("agent", ANSWER))) == "edge 1000 2 IP4 203.0.113.1"


def test_no_agent_no_crossing() -> None:
    with pytest.raises(RuntimeError):
        MediaPlan(1, Terms("203.0.113.1")).offer("caller", ORDINARY)


def test_the_terms_of_a_trunk() -> None:
    assert policy_of(None) == OPEN
    trunk = Trunk(id="t", organization_id="o", name="n", codecs=("G722",), media_encryption="require")
    assert policy_of(trunk) == Policy(("G722",), "require")


@given(st.one_of(mangled, offers()), st.one_of(mangled, offers()))
def test_garbage_is_refused_and_raises_nothing(first: bytes, second: bytes) -> None:
    plan = planned(G711, Policy(encryption="disable"))
    plan.check(first)
    for side, other in (("caller", "agent"), ("agent", "caller")):
        offered = plan.offer(_end(side), first)
        assert isinstance(offered, bytes) or offered.status in (400, 413, 488)
        answered = plan.answer(_end(other), second)
        assert isinstance(answered, bytes) or answered.status == 502


def _end(side: str) -> End:
    return "caller" if side == "caller" else "agent"


class Negotiation(RuleBasedStateMachine):
    """Whatever crosses in whatever order: one session id a leg, versions that grow by one with each change."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = planned()
        self.sent: dict[str, tuple[str, int, bytes]] = {}

    @initialize(caller=st.sampled_from([OPEN, G711]), agent=st.sampled_from([OPEN, Policy(("PCMU", "G722"))]))
    def begin(self, caller: Policy, agent: Policy) -> None:
        self.plan = planned(caller, agent)

    def note(self, to: str, result: bytes | Refusal) -> None:
        if isinstance(result, Refusal):
            return
        found = parse(result).origin
        rest = b"\r\n".join(line for line in result.split(b"\r\n") if not line.startswith(b"o="))
        if to in self.sent:
            session, version, before = self.sent[to]
            assert found.session == session
            assert int(found.version) == version + (rest != before)
        else:
            assert found.version == "1"
        self.sent[to] = (found.session, int(found.version), rest)

    bodies = st.sampled_from(
        [
            ORDINARY,
            ANSWER,
            ORDINARY + b"a=sendonly\r\n",
            description("m=audio 4000 RTP/AVP 0"),
            description("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 31"),
            description("m=audio 4000 RTP/AVP 18"),
            b"v=0",
        ]
    )

    @rule(side=st.sampled_from(["caller", "agent"]), body=bodies)
    def offer(self, side: str, body: bytes) -> None:
        self.note("agent" if side == "caller" else "caller", self.plan.offer(_end(side), body))

    @rule(side=st.sampled_from(["caller", "agent"]), body=bodies)
    def answer(self, side: str, body: bytes) -> None:
        self.note("agent" if side == "caller" else "caller", self.plan.answer(_end(side), body))

    @rule(side=st.sampled_from(["caller", "agent"]))
    def withdraw(self, side: str) -> None:
        self.plan.withdraw(_end(side))


TestNegotiation = Negotiation.TestCase
