"""What the SIP interfaces of voice engines do, as their makers and those who call them write: OpenAI, ElevenLabs and
LiveKit, each in its own manner."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, NUMBER_RECORD, ORGANIZATION, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.model.agent import Agent
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.digest import answer
from trunkline.sip.message import Request

KEY = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32\r\n"
SECURE = OFFER.replace(b"RTP/AVP 0 8", b"RTP/SAVP 0 8") + KEY
SECURE_ANSWER = ANSWER.replace(b"RTP/AVP", b"RTP/SAVP") + KEY.replace(b"PS1u", b"WVNf")
OPUS = (
    b"v=0\r\no=live 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/SAVP 111 0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n" + KEY
)
PLACES = {
    "openai": "sip.api.openai.com",
    "elevenlabs": "sip.rtc.elevenlabs.io",
    "livekit": "abc.sip.livekit.cloud",
}


def reached_by(provider: str, **fields: object) -> Edge:
    """An edge whose number is answered by an engine, at AGENT, over a connection of ours."""
    ours = {"host": PLACES[provider], "transport": "tls", **fields}
    trunk = Trunk(id=id_of(70), organization_id=ORGANIZATION.id, name="engine", provider=provider, **ours)  # type: ignore[arg-type]
    agent = Agent(
        id=id_of(71),
        organization_id=ORGANIZATION.id,
        name="engine",
        kind=provider,  # type: ignore[arg-type]
        trunk_id=trunk.id,
        ring_timeout=20.0,
    )
    edge = Edge(World(), records(trunk, agent, msgspec.structs.replace(NUMBER_RECORD, agent_id=agent.id)))
    edge.names[PLACES[provider]] = [AGENT]
    return edge


def engine(edge: Edge, react=answers) -> Peer:  # type: ignore[no-untyped-def]
    return Peer(edge.world, AGENT, react, "tls", "out:")


# ── OpenAI ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def untyped(peer: Peer, message: Message) -> None:
    """200 with SDP and no Content-Type, and a Contact that names a name, TLS' port and no transport."""
    if not isinstance(message, Request) or message.method == "ACK":
        return
    body = SECURE_ANSWER if message.method == "INVITE" else b""
    peer.say(
        f"""SIP/2.0 200 OK
        Via: {message.header("Via")}
        From: {message.header("From")}
        To: {message.header("To")}{"" if message.to_tag else ";tag=oai"}
        Call-ID: {message.call_id}
        CSeq: {message.cseq} {message.method}
        Contact: <sip:OAI@sip.api.openai.com:5061>""",
        body,
    )


def test_openai_is_called_by_its_project_with_keys_untouched_and_keeps_its_connection() -> None:
    edge = reached_by("openai", host=None, settings={"project_id": Secret("proj_abc")})
    agent, carrier = engine(edge, untyped), Peer(edge.world, CARRIER, polite)
    carrier.invite(SECURE)
    edge.world.run(0.1)
    invite = agent.request("INVITE")
    assert invite.uri == "sip:proj_abc@sip.api.openai.com;transport=tls"
    assert (invite.header("Contact") or "").count("transport=tls") == 1
    (call,) = edge.core.calls
    assert invite.header("X-Trunkline-Call-Id") == f"call_{call}"
    assert KEY in invite.body
    answered = carrier.response(200)
    assert answered.header("Content-Type") == "application/sdp"
    assert b"RTP/SAVP" in answered.body
    assert b"inline:WVNf" in answered.body
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    carrier.inside("BYE")
    edge.world.run(0.1)
    inside = [flow for flow, data in edge.sent if flow.remote[0] == AGENT]
    assert agent.methods == ["INVITE", "ACK", "INFO", "BYE"]
    assert {(flow.transport, flow.connection) for flow in inside} == {("tls", "out:")}
    hang_up(edge.world, edge)


def test_openai_dials_out_by_sips_with_a_password_opus_and_keys() -> None:
    """Then the edge is its trunk."""
    carrier_trunk = msgspec.structs.replace(TRUNK, host=CARRIER)
    live = Trunk(
        id=id_of(72),
        organization_id=ORGANIZATION.id,
        name="live",
        provider="openai",
        transport="tls",
        username="live",
        password=Secret("pw"),
        challenge=True,
    )
    edge = Edge(World(), records(carrier_trunk, live))

    def secured(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 200, SECURE_ANSWER)
        else:
            answers(peer, message)

    caller, carrier = Peer(edge.world, AGENT, polite, "tls", "in:9"), Peer(edge.world, CARRIER, secured)

    def invite(cseq: int, extra: str = "") -> None:
        caller.cseq = cseq
        caller.say(
            f"""INVITE sips:+13035559876@{EDGE} SIP/2.0
            Via: SIP/2.0/TLS {AGENT}:5061;branch={caller.branch()};rport
            Max-Forwards: 70
            From: <sips:{NUMBER}@{EDGE}>;tag={caller.tag}
            To: <sips:+13035559876@{EDGE}>
            Call-ID: c1
            CSeq: {cseq} INVITE
            Contact: <sips:live@{AGENT}:5061>
            Content-Type: application/sdp{extra}""",
            OPUS,
        )

    invite(1)
    edge.world.run(0.1)
    challenges = caller.response(401).headers("WWW-Authenticate")
    value = answer(challenges, "INVITE", f"sips:+13035559876@{EDGE}", "live", "pw", "c", realm="trunkline")
    caller.remote_tag = ""
    invite(2, f"\nAuthorization: {value}")
    edge.world.run(0.1)
    out = carrier.request("INVITE")
    assert out.uri == f"sip:+13035559876@{CARRIER}"
    assert b"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n" in out.body
    assert KEY in out.body
    assert b"inline:WVNf" in caller.response(200).body
    hang_up(edge.world, edge)


# ── ElevenLabs ────────────────────────────────────────────────────────────────────────────────────────────────────────


def asks(challenge: str, header: str):  # type: ignore[no-untyped-def]
    """One that answers once it has seen credentials, of whatever worth."""

    def react(peer: Peer, message: Message) -> None:
        shown = "Authorization" if header == "WWW-Authenticate" else "Proxy-Authorization"
        if isinstance(message, Request) and message.method not in ("ACK", "CANCEL") and not message.header(shown):
            peer.reply(message, 401 if header == "WWW-Authenticate" else 407, extra=f"{header}: {challenge}")
            return
        answers(peer, message)

    return react


def test_elevenlabs_is_told_the_number_and_the_calls_id_and_may_speak_from_another_address() -> None:
    edge = reached_by("elevenlabs", port=5060, username="edge", password=Secret("pw"))
    agent = engine(edge, asks('Digest realm="sip", nonce="n", qop="auth"', "Proxy-Authenticate"))
    carrier = Peer(edge.world, CARRIER, polite)
    carrier.invite(extra="X-Call-ID: forged\nX-Customer: 4711")
    edge.world.run(0.1)
    invite = agent.request("INVITE")
    assert invite.uri == f"sip:{NUMBER}@{PLACES['elevenlabs']}:5060;transport=tls"
    (call,) = edge.core.calls
    assert invite.headers("X-CALL-ID") == [f"call_{call}"]
    assert invite.header("X-Customer") == "4711"
    assert carrier.statuses("INVITE")[-1] == 200
    # A balancer before its servers: what they say inside the call comes from elsewhere.
    other = Peer(edge.world, "192.0.2.10", None, "tls", "in:77")
    other.tag, other.remote_tag = agent.tag, agent.remote_tag
    other.inside("BYE", call_id=invite.call_id)
    edge.world.run(0.1)
    assert other.statuses("BYE") == [200]
    assert carrier.methods == ["BYE"]
    hang_up(edge.world, edge)


# ── LiveKit ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_livekit_challenges_without_qop_rings_for_long_and_knows_no_timers() -> None:
    edge = reached_by("livekit", username="edge", password=Secret("pw"))
    world = edge.world
    challenged = asks('Digest realm="sip", nonce="n", algorithm=MD5', "Proxy-Authenticate")

    def react(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.to_tag or not message.header("Proxy-Authorization"):
            challenged(peer, message)
        else:
            peer.remote_tag = message.from_tag or ""
            for second in range(5):
                world.after(float(second), lambda: peer.reply(message, 180))
            world.after(
                5.0, lambda: peer.reply(message, 200, ANSWER, "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, OPTIONS")
            )

    agent, carrier = engine(edge, react), Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(6.0)
    (invite,) = [one for one in agent.requests if one.header("Proxy-Authorization")][:1]
    assert "qop" not in (invite.header("Proxy-Authorization") or "")
    assert carrier.statuses("INVITE") == [100, *[180] * 5, 200]
    world.run(4000.0)
    assert {"INVITE", "ACK"} == set(agent.methods), "refreshed, by what it knows"
    assert len([one for one in agent.requests if one.method == "INVITE" and one.to_tag]) >= 2
    assert len(edge.core.calls) == 1
    hang_up(edge.world, edge)


# ── each of them ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("provider", PLACES)
def test_a_change_over_a_connection_of_the_engines_own_goes_to_the_caller(provider: str) -> None:
    """A leg is known by its dialog: not by where its messages come from."""
    edge = reached_by(provider, settings={"project_id": Secret("proj_abc")})
    agent, carrier = engine(edge), Peer(edge.world, CARRIER, polite)
    carrier.invite()
    edge.world.run(0.1)
    call_id = agent.request("INVITE").call_id
    for connection, offer in (("in:1", MOVED), ("in:2", MOVED.replace(b"4010", b"4020"))):
        agent.flow = agent.flow._replace(connection=connection)
        agent.inside("INVITE", offer, call_id=call_id)
        edge.world.run(0.1)
        agent.ack(call_id=call_id)
        edge.world.run(0.1)
    assert carrier.methods == ["INVITE", "ACK"] * 2
    assert agent.methods == ["INVITE", "ACK"]
    assert agent.statuses("INVITE").count(200) == 2
    hang_up(edge.world, edge)
