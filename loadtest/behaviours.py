"""What carriers and agents do, one behaviour each: both ends' scripts and the record that must stand in the log.

The carrier's script fails when the edge answers it wrongly, the agent's when the edge sends it something wrong, so a
run without failures on either side is the verdict. RFC 3261 unless a line says otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from loadtest.scenario import ANSWER, EVENTS, OFFER, PCMU, Script, audio


class Expected(NamedTuple):
    """Columns of the call's record; None where the behaviour leaves it open."""

    status: str
    sip_status: frozenset[int]
    hung_up_by: str | None = None


class Behaviour(NamedTuple):
    name: str
    carrier: Script
    agent: Script | None
    """None: no agent is asked, the edge answers by itself."""
    record: Expected | None
    """None: this leaves no record (no call was made)."""
    dialled: str = "+12125551234"


IMPATIENT = "+12125550199"
"""A number whose agent may ring for `RING_TIMEOUT` seconds only."""
RING_TIMEOUT = 1.0
COMPLETED = Expected("completed", frozenset({200}))
HOLD = audio(PCMU, EVENTS, direction="sendonly", version=2)
HELD = audio(PCMU, EVENTS, direction="recvonly", version=2)
RESUME = audio(PCMU, EVENTS, version=3)
DTMF = "Signal=5\nDuration=160"
TALK = 200
"""Milliseconds between answer and BYE."""


def call(name: str = "call") -> Behaviour:
    """180, 200, ACK, a moment, BYE by the caller: the call that the figures are measured with."""
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    carrier.expect(200).ack().pause(TALK).bye().expect(200)
    return Behaviour(name, carrier, _answering(name).receive("BYE").answer(200, "OK"), _completed("caller"))


def overload() -> Behaviour:
    """The same call by a carrier to whom 503 means another edge; counts `tried`, `shed` and `whole`."""
    name = "overload"
    carrier = Script(name, "carrier").invite().expect(100, optional=True, counter="tried")
    carrier.expect(180, optional=True)
    carrier.expect(503, optional=True, then="shed").expect(200).ack().pause(TALK).bye()
    carrier.expect(200, must_have={"CSeq": "BYE"})
    carrier.go("end", counter="whole").label("shed").ack_refusal(counter="shed").label("end").pause(1)
    return Behaviour(name, carrier, _answering(name).receive("BYE").answer(200, "OK"), None)


def crash() -> Behaviour:
    """A call of three seconds whose end may also come from an edge just started again; counts `answered`."""
    name = "crash"
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    carrier.expect(200, keep=True).ack(counter="answered").receive("BYE", within=(3000, "hang-up")).answer(200, "OK")
    carrier.go("end", counter="interrupted").label("hang-up").bye().expect(481, optional=True, then="end").expect(200)
    carrier.label("end").pause(1)
    return Behaviour(name, carrier, _answering(name).receive("BYE").answer(200, "OK"), None)


def agent_hangs_up() -> Behaviour:
    name = "agent-hangs-up"
    carrier = _calling(name).receive("BYE").answer(200, "OK")
    return Behaviour(name, carrier, _answering(name).pause(TALK).bye().expect(200), _completed("agent"))


def cancel_at_once() -> Behaviour:
    """CANCEL right behind the INVITE: an impatient carrier does not wait for 100 (§9.1 would have it wait)."""
    name = "cancel-at-once"
    carrier = Script(name, "carrier").invite(retransmitted=False).cancel()
    carrier.expect(100, optional=True).expect(180, optional=True).expect(200)
    carrier.expect(180, optional=True).expect(487).ack_refusal()
    agent = _cancelled(name)
    return Behaviour(name, carrier, agent, Expected("no-answer", frozenset({487})))


def cancel_ringing() -> Behaviour:
    name = "cancel-ringing"
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180).pause(100).cancel()
    carrier.expect(200).expect(487).ack_refusal()
    agent = _cancelled(name)
    return Behaviour(name, carrier, agent, Expected("no-answer", frozenset({487}), "caller"))


def cancel_crosses_agents_answer() -> Behaviour:
    """The agent answers while the edge's CANCEL is on its way: it must be acknowledged and ended (§9.1, §13.2.2.4)."""
    name = "cancel-crosses-agents-answer"
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180).pause(50).cancel()
    carrier.expect(200).expect(487).ack_refusal()
    agent = Script(name, "agent").receive("INVITE", keep=True).answer(180, "Ringing").receive("CANCEL")
    agent.answer(481, "Call/Transaction Does Not Exist").answer(200, "OK", ANSWER, to="invite")
    agent.receive("ACK").receive("BYE").answer(200, "OK")
    return Behaviour(name, carrier, agent, Expected("no-answer", frozenset({487}), "caller"))


def cancel_crosses_our_answer() -> Behaviour:
    """The carrier cancels though our 200 is on its way: the call stands, and is hung up as a call (§9.2)."""
    name = "cancel-crosses-our-answer"
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    carrier.expect(200, keep=True).cancel().expect(481, optional=True, then="known").expect(200).label("known")
    carrier.ack().pause(TALK).bye().expect(200)
    return Behaviour(name, carrier, _answering(name).receive("BYE").answer(200, "OK"), _completed("caller"))


def busy() -> Behaviour:
    return _refused("busy", 486, "Busy Here", Expected("failed", frozenset({486})))


def reject() -> Behaviour:
    return _refused("reject", 603, "Decline", Expected("failed", frozenset({603})))


def no_answer() -> Behaviour:
    """The agent rings for longer than its ring timeout: the edge cancels it and says so to the carrier."""
    name = "no-answer"
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180)
    carrier.expect(408, optional=True, then="refused").expect(480).label("refused").ack_refusal()
    agent = _cancelled(name)
    return Behaviour(name, carrier, agent, Expected("no-answer", frozenset({408, 480}), "edge"), IMPATIENT)


def hold_and_resume() -> Behaviour:
    """Two re-INVITEs across both legs, each with its own answer (§14)."""
    name = "hold-and-resume"
    carrier = _calling(name).pause(50)
    carrier.request("INVITE", HOLD).expect(100, optional=True).expect(200, must_have={"body": "a=recvonly"}).ack()
    carrier.pause(50).request("INVITE", RESUME).expect(100, optional=True)
    carrier.expect(200, must_have={"body": "a=sendrecv"}).ack().pause(50).bye().expect(200)
    agent = _answering(name).receive("INVITE", must_have={"body": "a=sendonly"}).answer(200, "OK", HELD).receive("ACK")
    agent.receive("INVITE", must_have={"body": "a=sendrecv"}).answer(200, "OK", RESUME).receive("ACK")
    return Behaviour(name, carrier, agent.receive("BYE").answer(200, "OK"), _completed("caller"))


def agent_holds() -> Behaviour:
    """The same from the other end."""
    name = "agent-holds"
    carrier = _calling(name, keep=True).receive("INVITE", must_have={"body": "a=sendonly"}).answer(200, "OK", HELD)
    carrier.receive("ACK").pause(100).bye().expect(200)
    agent = _answering(name).pause(50).request("INVITE", HOLD).expect(100, optional=True)
    agent.expect(200, must_have={"body": "a=recvonly"}).ack().receive("BYE").answer(200, "OK")
    return Behaviour(name, carrier, agent, _completed("caller"))


def late_offer() -> Behaviour:
    """An INVITE without SDP: the offer is in the 200 and the answer in the ACK, end to end (§13.2.1)."""
    name = "late-offer"
    carrier = Script(name, "carrier").invite(None).expect(100, optional=True).expect(180, optional=True)
    carrier.expect(200, must_have={"body": "m=audio"}).ack(ANSWER).pause(TALK).bye().expect(200)
    agent = Script(name, "agent").receive("INVITE", keep=True).answer(180, "Ringing").answer(200, "OK", OFFER)
    agent.receive("ACK", must_have={"body": "m=audio"}).receive("BYE").answer(200, "OK")
    return Behaviour(name, carrier, agent, _completed("caller"))


def info() -> Behaviour:
    """A key pressed, as INFO, crosses with its body (RFC 6086's legacy use)."""
    name = "info"
    carrier = _calling(name).pause(50).request("INFO", DTMF).expect(200).pause(50).bye().expect(200)
    agent = _answering(name).receive("INFO", must_have={"body": "Signal=5"}).answer(200, "OK")
    return Behaviour(name, carrier, agent.receive("BYE").answer(200, "OK"), _completed("caller"))


def update() -> Behaviour:
    """UPDATE without a body, as a session refresh sends it and the edge answers it; then one with an offer crosses
    (RFC 3311)."""
    name = "update"
    carrier = _calling(name).pause(50).request("UPDATE").expect(200).pause(50)
    carrier.request("UPDATE", HOLD).expect(200, must_have={"body": "a=recvonly"}).pause(50).bye().expect(200)
    agent = _answering(name).receive("UPDATE", must_have={"body": "a=sendonly"}).answer(200, "OK", HELD)
    return Behaviour(name, carrier, agent.receive("BYE").answer(200, "OK"), _completed("caller"))


def lost_ack_at_agent() -> Behaviour:
    """Some ACKs do not reach the agent, which repeats its 200: each repetition is acknowledged again (§13.2.2.4)."""
    name = "lost-ack-at-agent"
    carrier = _calling(name).pause(4000).bye().expect(200)
    agent = Script(name, "agent").receive("INVITE").answer(180, "Ringing").answer(200, "OK", ANSWER)
    agent.receive("ACK", lost=30)
    return Behaviour(name, carrier, agent.receive("BYE").answer(200, "OK"), _completed("caller"))


def lost_ack_at_edge() -> Behaviour:
    """The carrier's ACK is late: our 200 is repeated until it comes (§13.3.1.4), and SIPp counts the repetitions."""
    name = "lost-ack-at-edge"
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    carrier.expect(200).pause(1200).ack().pause(TALK).bye().expect(200)
    return Behaviour(name, carrier, _answering(name).receive("BYE").answer(200, "OK"), _completed("caller"))


def reliable_early_media() -> Behaviour:
    """The agent's 183 is acknowledged by the edge, the edge's by the carrier; the 200 repeats nothing (RFC 3262)."""
    name = "reliable-early-media"
    carrier = Script(name, "carrier").invite().expect(100, optional=True)
    carrier.expect(183, reliable=True, must_have={"Require": "100rel", "body": "m=audio"}).prack().expect(200)
    carrier.expect(200, must_have={"CSeq": "INVITE"}).ack().pause(TALK).bye().expect(200)
    agent = Script(name, "agent").receive("INVITE", keep=True, must_have={"Supported": "100rel"})
    agent.answer(183, "Session Progress", ANSWER, "Require: 100rel", "RSeq: 7001")
    agent.receive("PRACK", must_have={"RAck": "7001 [0-9]+ INVITE"}).answer(200, "OK").pause(50)
    agent.answer(200, "OK", to="kept").receive("ACK").receive("BYE").answer(200, "OK")
    return Behaviour(name, carrier, agent, _completed("caller"))


def forked_early_media() -> Behaviour:
    """A proxy beyond the agent forks: two early dialogs with media each, and the second answers (§12.1, §13.2.2.4)."""
    name = "forked-early-media"
    carrier = Script(name, "carrier").invite().expect(100, optional=True)
    for _ in range(2):
        carrier.expect(183, reliable=True, must_have={"body": "m=audio"}).prack()
        carrier.expect(200, must_have={"CSeq": "PRACK"})
    carrier.expect(200, keep=True, must_have={"CSeq": "INVITE"}).ack().pause(TALK).bye().expect(200)
    agent = Script(name, "agent").receive("INVITE", keep=True).answer(183, "Session Progress", ANSWER, fork="-first")
    agent.pause(50).answer(183, "Session Progress", ANSWER).pause(100).answer(200, "OK", ANSWER).receive("ACK")
    return Behaviour(name, carrier, agent.receive("BYE").answer(200, "OK"), _completed("caller"))


def session_interval_too_small() -> Behaviour:
    """422 with the shortest interval that is taken; a call with that is taken, and refreshed (RFC 4028)."""
    name = "session-interval-too-small"
    wanted = "Session-Expires: 90;refresher=uac"
    granted = {"Session-Expires": "90;refresher=uac"}
    carrier = Script(name, "carrier").invite(OFFER, "Session-Expires: 60").expect(100, optional=True)
    carrier.expect(422, must_have={"Min-SE": "90"}).ack_refusal()
    carrier.invite(OFFER, wanted, "Min-SE: 90").expect(100, optional=True).expect(180, optional=True)
    carrier.expect(200, keep=True, must_have=granted).ack().pause(50)
    carrier.request("UPDATE", None, wanted, "Supported: timer").expect(200, must_have=granted).pause(50)
    carrier.bye().expect(200)
    return Behaviour(name, carrier, _answering(name).receive("BYE").answer(200, "OK"), _completed("caller"))


def options() -> Behaviour:
    """OPTIONS outside a dialog is answered by the edge, with what it can do (§11.2)."""
    must_have = {"Allow": "INVITE.*", "Accept": "application/sdp", "Supported": ".*"}
    return Behaviour("options", Script("options", "carrier").options().expect(200, must_have=must_have), None, None)


EVERY: tuple[Callable[[], Behaviour], ...] = (
    call,
    agent_hangs_up,
    cancel_at_once,
    cancel_ringing,
    cancel_crosses_agents_answer,
    cancel_crosses_our_answer,
    busy,
    reject,
    no_answer,
    hold_and_resume,
    agent_holds,
    late_offer,
    info,
    update,
    lost_ack_at_agent,
    lost_ack_at_edge,
    reliable_early_media,
    forked_early_media,
    session_interval_too_small,
    options,
)


def _calling(name: str, *, keep: bool = False) -> Script:
    script = Script(name, "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    return script.expect(200, keep=keep).ack()


def _answering(name: str) -> Script:
    script = Script(name, "agent").receive("INVITE", keep=True).answer(180, "Ringing").answer(200, "OK", ANSWER)
    return script.receive("ACK")


def _cancelled(name: str) -> Script:
    script = Script(name, "agent").receive("INVITE", keep=True).answer(180, "Ringing").receive("CANCEL")
    return script.answer(200, "OK").answer(487, "Request Terminated", to="invite").receive("ACK")


def _refused(name: str, status: int, phrase: str, record: Expected) -> Behaviour:
    carrier = Script(name, "carrier").invite().expect(100, optional=True).expect(180, optional=True)
    carrier.expect(status).ack_refusal()
    agent = Script(name, "agent").receive("INVITE").answer(status, phrase).receive("ACK")
    return Behaviour(name, carrier, agent, record)


def _completed(by: str) -> Expected:
    return COMPLETED._replace(hung_up_by=by)


def write(folder: Path) -> None:
    """Every behaviour's scenarios as SIPp's XML."""
    for make in (*EVERY, overload, crash):
        behaviour = make()
        behaviour.carrier.write(folder)
        if behaviour.agent is not None:
            behaviour.agent.write(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
