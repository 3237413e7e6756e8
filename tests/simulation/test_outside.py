"""What is refused before it is a call, and what is said outside of any."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, ORGANIZATION, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Peer, answers, polite
from tests.simulation.phone import ANSWER
from tests.simulation.scene import connect, hang_up
from tests.simulation.world import World
from trunkline.call.inputs import Drain, HangUp, MediaReady, TransportFailed, Unreached
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow

# ── before the answer ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bye_ends_an_early_dialog(world: World, edge: Edge, carrier: Peer) -> None:
    """§15: a caller may."""
    agent = Peer(world, AGENT, lambda peer, m: peer.reply(m, 180) if m.cseq_method == "INVITE" else None)  # type: ignore[arg-type]
    carrier.invite()
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("BYE") == [200]
    assert 487 in carrier.statuses("INVITE")
    assert agent.methods == ["INVITE", "CANCEL"]
    world.run(200.0)
    assert edge.clean() == {}
    assert edge.record.cause == "cancelled"


def test_an_agent_may_not_but_is_answered(world: World, edge: Edge, carrier: Peer) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    agent.reply(invite, 180)
    agent.remote_tag = invite.from_tag or ""
    world.run(0.1)
    agent.inside("ACK", call_id=invite.call_id)
    agent.inside("BYE", call_id=invite.call_id)
    agent.inside("OPTIONS", call_id=invite.call_id)
    carrier.inside("ACK", cseq=1)
    carrier.inside("OPTIONS")
    world.run(0.1)
    assert (agent.statuses("BYE"), agent.statuses("OPTIONS"), carrier.statuses("OPTIONS")) == ([200], [200], [200])
    hang_up(world, edge)


def test_an_offer_that_cannot_be_is_refused_before_any_agent(
    world: World, edge: Edge, carrier: Peer, agent: Peer
) -> None:
    carrier.invite(b"v=0\r\nnonsense\r\n")
    world.run(100.0)
    assert carrier.statuses("INVITE")[0] == 400
    assert agent.heard == []
    assert edge.clean() == {}
    edge.whole()


def test_an_agents_trunk_that_takes_nothing_of_the_offer_is_488(world: World) -> None:
    strict = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="strict", host=AGENT, codecs=("G722",))
    edge = Edge(world, records(strict, msgspec.structs.replace(SIP_AGENT, trunk_id=strict.id)))
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    carrier.invite()
    world.run(100.0)
    assert carrier.statuses("INVITE")[:2] == [100, 488]
    assert agent.heard == []
    assert edge.clean() == {}


def test_a_full_agents_trunk_without_another_is_503(world: World) -> None:
    full = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="full", host=AGENT, max_concurrent_calls=1)
    edge = Edge(world, records(full, msgspec.structs.replace(SIP_AGENT, trunk_id=full.id)))
    carrier = Peer(world, CARRIER, polite)
    Peer(world, AGENT, answers)
    connect(world, carrier)
    second = Peer(world, CARRIER)
    second.tag = "second"
    second.invite(call_id="c2", branch="z9hG4bKsecond")
    world.run(0.1)
    assert second.statuses("INVITE")[:2] == [100, 503]
    assert "agent-trunk-full" in (second.response(503).header("Reason") or "")
    hang_up(world, edge)


def test_early_sdp_that_does_not_fit_is_left_out(world: World, edge: Edge, carrier: Peer) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    agent.reply(agent.request("INVITE"), 183, b"v=0\r\nnonsense\r\n")
    world.run(0.1)
    assert carrier.response(183).body == b""
    agent.reply(agent.request("INVITE"), 200, ANSWER)
    world.run(0.1)
    assert carrier.response(200).body
    hang_up(world, edge)


# ── outside of calls ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE"])
def test_a_request_of_no_dialog_is_481(world: World, edge: Edge, carrier: Peer, method: str) -> None:
    carrier.inside(method, to_tag="")
    carrier.inside("ACK", to_tag="")
    world.run(0.1)
    assert carrier.statuses() == [481]
    assert edge.clean() == {}


def test_options(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.inside("OPTIONS", to_tag="")
    world.run(0.1)
    answer = carrier.response(200, "OPTIONS")
    assert answer.header("Contact") == f"<sip:w0@{EDGE}:5060>"
    assert {"Allow", "Accept", "Supported"} <= {name for name, _ in answer.lines()}
    edge.give(Drain(True))
    carrier.inside("OPTIONS", to_tag="")
    carrier.invite()
    world.run(0.1)
    assert edge.core.draining
    assert [carrier.response(503, method).header("Retry-After") for method in ("OPTIONS", "INVITE")] == ["30", "30"]
    assert edge.clean() == {}


def test_a_caller_without_the_password_is_challenged(world: World) -> None:
    guarded = msgspec.structs.replace(TRUNK, networks=(), username="carrier", password=Secret("pw"))
    edge = Edge(world, records(guarded))
    carrier = Peer(world, CARRIER)
    carrier.invite()
    world.run(0.1)
    assert (carrier.response(401).header("WWW-Authenticate") or "").startswith("Digest ")
    assert [o.kind for o in edge.observed] == ["challenged"]
    assert edge.clean() == {}
    assert edge.journal == []


def test_a_stranger_is_refused_without_a_record(world: World, edge: Edge) -> None:
    stranger = Peer(world, "198.51.100.1")
    stranger.invite()
    world.run(0.1)
    assert stranger.statuses() == [403]
    assert edge.journal == []
    assert edge.clean() == {}


def test_a_known_trunks_refusal_has_its_record(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.say(
        f"""INVITE sip:+19999999999@{EDGE} SIP/2.0
        Via: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bKunknown
        From: <sip:+13035559876@{CARRIER}>;tag=1
        To: <sip:+19999999999@{EDGE}>
        Call-ID: unknown
        CSeq: 1 INVITE
        Contact: <sip:a@{CARRIER}>"""
    )
    world.run(100.0)
    assert set(carrier.statuses()) == {404}
    assert edge.record.cause == "unknown-number"
    assert edge.clean() == {}


def test_words_for_nobody_change_nothing(world: World, edge: Edge) -> None:
    flow = Flow("udp", (EDGE, 5060), (CARRIER, 5060))
    for given in (
        HangUp("nobody"),
        MediaReady("nobody", b""),
        TransportFailed(flow, "", "x"),
        TransportFailed(flow, "y", "x"),
        Unreached(flow, "y", "x"),
    ):
        edge.give(given)
    assert world.seen == []
    assert edge.clean() == {}


def test_what_no_stream_can_frame_is_answered(world: World, edge: Edge, carrier: Peer) -> None:
    head = (
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKf\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:a@b>\r\nCall-ID: f\r\nCSeq: 1 OPTIONS\r\nContent-Length: x\r\n\r\n"
    )
    flow = Flow("tcp", (EDGE, 5060), (CARRIER, 5060), "in:1")
    edge.perform(edge.core.unframed(head, 400, "Content-Length is not a number", flow, world.now))
    world.run(0.1)
    assert edge.observed[0].reason == "Content-Length is not a number"
    assert carrier.statuses() == [400]
    assert edge.core.unframed(b"garbage", 400, "x", carrier.flow, world.now)[1:] == []
