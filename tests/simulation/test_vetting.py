"""Calls whose trunk wants to know who vouches for the caller."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from tests.identity.authority import URL, Authority, claims, header, identity
from tests.simulation.edge import AGENT, CARRIER, ECHO_AGENT, EDGE, NUMBER, NUMBER_RECORD, TRUNK, Edge, records
from tests.simulation.peer import Peer, answers, polite
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.call.inputs import Fetched
from trunkline.model.trunk import IdentityPolicy

ROOT = Authority()
SIGNER = ROOT.signer()
CALLER = "13035559876"


def made(world: World, policy: IdentityPolicy, anchors: bool = True, **trunk: Any) -> Edge:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, identity=policy, **trunk)))
    if anchors:
        edge.core.reception.verifier.trust([ROOT.certificate], 2.0)
    edge.certificates[URL] = SIGNER.chain()
    return edge


def vouched(world: World, **said: Any) -> str:
    wall = int(world.now + 1_700_000_000)
    said = {"iat": wall, "orig": {"tn": CALLER}, "dest": {"tn": [NUMBER[1:]]}, **said}
    return f"Identity: {identity(SIGNER, claims(**said))}"


def call(world: World, extra: str = "", agent: bool = True) -> tuple[Peer, Peer]:
    carrier, peer = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    carrier.invite(extra=extra)
    world.run(0.1)
    return carrier, peer


def told(agent: Peer) -> dict[str, str]:
    invite = agent.request("INVITE")
    return {name: value for name, value in invite.private() if "Verstat" in name or "Attestation" in name}


@pytest.mark.parametrize("policy", ["verify", "require"])
@pytest.mark.parametrize("attest", ["A", "B", "C"])
def test_who_is_vouched_for_is_told_to_the_agent(world: World, policy: IdentityPolicy, attest: str) -> None:
    edge = made(world, policy)
    carrier, agent = call(world, vouched(world, attest=attest))
    assert 200 in carrier.statuses("INVITE")
    verstat = f"TN-Validation-Passed-{attest}"
    assert told(agent) == {"X-Trunkline-Verstat": verstat, "X-Trunkline-Attestation": attest}
    hang_up(world, edge)
    assert edge.record.attestation == verstat
    assert [(seen.reason, seen.status) for seen in edge.observed if seen.kind == "identity"] == [(verstat, 0)]


def test_who_does_not_ask_has_nothing_of_it(world: World) -> None:
    edge = made(world, "off")
    carrier, agent = call(world, vouched(world))
    assert 200 in carrier.statuses("INVITE")
    assert (told(agent), edge.fetched) == ({}, [])
    hang_up(world, edge)
    assert edge.record.attestation is None


@pytest.mark.parametrize(
    ("extra", "verstat", "status", "words"),
    [
        ("", "No-TN-Validation", 428, "Use Identity Header"),
        ("Identity: nonsense", "TN-Validation-Failed", 438, "Invalid Identity Header"),
        ({"iat": 1_700_000_000}, "TN-Validation-Failed", 403, "Stale Date"),
        ({"orig": {"tn": "14155550111"}}, "TN-Validation-Failed", 438, "Invalid Identity Header"),
        ({"dest": {"tn": ["14155550111"]}}, "TN-Validation-Failed", 438, "Invalid Identity Header"),
    ],
)
@pytest.mark.parametrize("policy", ["verify", "require"])
def test_what_does_not_stand(
    world: World, policy: IdentityPolicy, extra: Any, verstat: str, status: int, words: str
) -> None:
    edge = made(world, policy)
    carrier, agent = call(world, extra if isinstance(extra, str) else vouched(world, **extra))
    assert edge.fetched == [], "no certificate is asked for in vain"
    refused(world, edge, carrier, agent, policy, verstat, status, words)


def of_kind(world: World, kind: str, **more: Any) -> str:
    """A token of another kind, signed as it must be, about this very call."""
    wall = int(world.now + 1_700_000_000)
    said = {"iat": wall, "orig": {"tn": CALLER}, "dest": {"tn": [NUMBER[1:]]}, **more}
    return f"Identity: {identity(SIGNER, said, header(ppt=kind))}"


@pytest.mark.parametrize("kind", ["div", "rcd", "rph"])
@pytest.mark.parametrize("policy", ["verify", "require"])
def test_a_token_of_another_kind_vouches_for_nobody(world: World, policy: IdentityPolicy, kind: str) -> None:
    """What is not spoken here is not there (RFC 8224 §6.2): a diversion's token says who diverted, not who calls."""
    edge = made(world, policy)
    carrier, agent = call(world, of_kind(world, kind, div={"tn": "13035550000"}))
    assert edge.fetched == []
    refused(world, edge, carrier, agent, policy, "No-TN-Validation", 428, "Use Identity Header")


def test_beside_one_of_another_kind_the_callers_own_token_counts(world: World) -> None:
    edge = made(world, "require")
    _, agent = call(world, of_kind(world, "rcd") + "\n" + vouched(world))
    assert told(agent)["X-Trunkline-Attestation"] == "A"
    hang_up(world, edge)


FIRST, SECOND = "13035550001", "13035550002"
DIVERTER = ROOT.signer("SHAKEN 5678")
ELSEWHERE = URL.replace("passport", "diverter")


def diverted(world: World, origin: str, to: str, signer: Authority = DIVERTER, **changed: Any) -> str:
    """The token of who diverts a call from one number to another (RFC 8946)."""
    wall = int(world.now + 1_700_000_000)
    said = {"dest": {"tn": [to]}, "div": {"tn": origin}, "iat": wall, "orig": {"tn": CALLER}, **changed}
    return f"Identity: {identity(signer, said, header(ppt='div', x5u=ELSEWHERE))}"


@pytest.mark.parametrize("places", [(FIRST,), (FIRST, SECOND)])
def test_a_diverted_callers_token_stands_with_those_of_its_diversions(world: World, places: tuple[str, ...]) -> None:
    edge = made(world, "require")
    edge.certificates[ELSEWHERE] = DIVERTER.chain()
    # The first telephone rang in vain for a while.
    said = {"dest": {"tn": [FIRST]}, "iat": int(world.now + 1_700_000_000) - 100}
    steps = [diverted(world, one, other) for one, other in pairwise((*places, NUMBER[1:]))]
    carrier, agent = call(world, "\n".join([*reversed(steps), vouched(world, **said)]))
    assert 200 in carrier.statuses("INVITE")
    assert told(agent)["X-Trunkline-Verstat"] == "TN-Validation-Passed-A"
    assert [each.url for each in edge.fetched] == [URL, *[ELSEWHERE] * len(places)]
    hang_up(world, edge)
    assert edge.record.attestation == "TN-Validation-Passed-A"


@pytest.mark.parametrize(
    ("own", "step", "status", "words"),
    [
        ({}, {"orig": {"tn": "14155550111"}}, 438, "Invalid Identity Header"),
        ({}, {"div": {"tn": SECOND}}, 438, "Invalid Identity Header"),
        ({}, {"div": "nonsense"}, 438, "Invalid Identity Header"),
        ({}, {"dest": {"tn": [SECOND]}}, 438, "Invalid Identity Header"),
        ({"orig": {"tn": "14155550111"}}, {}, 438, "Invalid Identity Header"),
        ({}, {"iat": 1_700_000_000 - 1000}, 403, "Stale Date"),
        ({"iat": 1_700_000_000 - 1000}, {}, 403, "Stale Date"),
        ({"iat": 1_700_000_000 + 1000}, {}, 403, "Stale Date"),
    ],
)
def test_a_diversion_that_leads_nowhere(world: World, own: Any, step: Any, status: int, words: str) -> None:
    edge = made(world, "require")
    carrier, agent = call(
        world, vouched(world, **{"dest": {"tn": [FIRST]}, **own}) + "\n" + diverted(world, FIRST, NUMBER[1:], **step)
    )
    assert edge.fetched == []
    refused(world, edge, carrier, agent, "require", "TN-Validation-Failed", status, words)


@pytest.mark.parametrize("which", [URL, ELSEWHERE])
@pytest.mark.parametrize(
    ("pem", "verstat", "status", "words"),
    [
        (None, "No-TN-Validation", 436, "Bad Identity Info"),
        (ROOT.signer().chain(), "TN-Validation-Failed", 438, "Invalid Identity Header"),
        (Authority().signer().chain(), "TN-Validation-Failed", 437, "Unsupported Credential"),
    ],
)
def test_each_token_of_a_diverted_call_must_stand(
    world: World, which: str, pem: bytes | None, verstat: str, status: int, words: str
) -> None:
    edge = made(world, "require")
    edge.certificates |= {ELSEWHERE: DIVERTER.chain(), which: pem}
    carrier, agent = call(world, vouched(world, dest={"tn": [FIRST]}) + "\n" + diverted(world, FIRST, NUMBER[1:]))
    refused(world, edge, carrier, agent, "require", verstat, status, words)


def test_a_diverted_call_waits_no_longer_than_others(world: World) -> None:
    """Its certificates share one patience."""
    edge = made(world, "require")
    carrier, agent = call(world, vouched(world, dest={"tn": [FIRST]}) + "\n" + diverted(world, FIRST, NUMBER[1:]))
    assert [each.url for each in edge.fetched] == [URL, ELSEWHERE]
    world.run(2.0)
    refused(world, edge, carrier, agent, "require", "No-TN-Validation", 436, "Bad Identity Info")


def test_who_diverts_a_call_may_sign_it_anew(world: World) -> None:
    edge = made(world, "require")
    _, agent = call(world, vouched(world, dest={"tn": [FIRST]}) + "\n" + vouched(world, attest="C"))
    assert told(agent)["X-Trunkline-Attestation"] == "C"
    hang_up(world, edge)


def refused(
    world: World, edge: Edge, carrier: Peer, agent: Peer, policy: str, verstat: str, status: int, words: str
) -> None:
    if policy == "verify":
        assert 200 in carrier.statuses("INVITE")
        assert told(agent) == {"X-Trunkline-Verstat": verstat}
    else:
        final = carrier.response(status)
        assert final.phrase == words
        assert final.headers("Reason") == [f'STIR;cause={status};text="{words}"']
        assert agent.requests == []
    hang_up(world, edge)
    record = edge.record
    assert record.attestation == verstat
    if policy == "require":
        assert (record.status, record.cause, record.sip_status) == ("failed", "identity", status)
        assert (record.detail or "").startswith("The caller's identity is required: ")


@pytest.mark.parametrize("policy", ["verify", "require"])
@pytest.mark.parametrize(
    ("pem", "verstat", "status", "words"),
    [
        (None, "No-TN-Validation", 436, "Bad Identity Info"),
        (b"", "TN-Validation-Failed", 437, "Unsupported Credential"),
        (Authority().signer().chain(), "TN-Validation-Failed", 437, "Unsupported Credential"),
        (ROOT.signer().chain(), "TN-Validation-Failed", 438, "Invalid Identity Header"),
    ],
)
def test_a_certificate_that_does_not_bear_it(
    world: World, policy: IdentityPolicy, pem: bytes | None, verstat: str, status: int, words: str
) -> None:
    edge = made(world, policy)
    edge.certificates[URL] = pem
    carrier, agent = call(world, vouched(world))
    refused(world, edge, carrier, agent, policy, verstat, status, words)


def test_without_anybody_to_trust_nothing_is_verified(world: World) -> None:
    edge = made(world, "verify", anchors=False)
    _, agent = call(world, vouched(world))
    assert (told(agent), edge.fetched) == ({"X-Trunkline-Verstat": "No-TN-Validation"}, [])
    hang_up(world, edge)


@pytest.mark.parametrize("policy", ["verify", "require"])
def test_the_call_does_not_wait_for_long(world: World, policy: IdentityPolicy) -> None:
    edge = made(world, policy)
    edge.certificates.clear()
    carrier, agent = call(world, vouched(world))
    assert carrier.statuses("INVITE") == [100]
    world.run(1.8)
    assert (carrier.statuses("INVITE"), agent.requests) == ([100], [])
    (asked,) = edge.fetched
    world.run(0.3)
    # What comes too late changes nothing.
    edge.give(Fetched(asked.call, SIGNER.chain()))
    world.run(0.1)
    refused(world, edge, carrier, agent, policy, "No-TN-Validation", 436, "Bad Identity Info")


def test_a_certificate_that_comes_in_time(world: World) -> None:
    edge = made(world, "require")
    edge.certificates.clear()
    carrier, agent = call(world, vouched(world))
    world.run(1.0)
    (asked,) = edge.fetched
    edge.give(Fetched(asked.call, SIGNER.chain()))
    world.run(0.1)
    assert 200 in carrier.statuses("INVITE")
    assert told(agent)["X-Trunkline-Attestation"] == "A"
    hang_up(world, edge)


def test_who_hangs_up_meanwhile_is_let_go(world: World) -> None:
    edge = made(world, "verify")
    edge.certificates.clear()
    carrier = Peer(world, CARRIER, polite)
    branch = carrier.invite(extra=vouched(world))
    world.run(0.1)
    (asked,) = edge.fetched
    carrier.say(
        f"""CANCEL sip:{NUMBER}@{EDGE} SIP/2.0
        Via: SIP/2.0/UDP {CARRIER}:5060;branch={branch};rport
        From: <sip:+{CALLER}@{CARRIER}>;tag={carrier.tag}
        To: <sip:{NUMBER}@{EDGE}>
        Call-ID: c1
        CSeq: 1 CANCEL"""
    )
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 487
    edge.give(Fetched(asked.call, SIGNER.chain()))
    world.run(200.0)
    assert (edge.record.cause, edge.clean()) == ("cancelled", {})


def test_an_operator_may_end_a_call_that_waits(world: World) -> None:
    edge = made(world, "verify")
    edge.certificates.clear()
    carrier, _ = call(world, vouched(world))
    hang_up(world, edge)
    assert carrier.statuses("INVITE")[-1] == 480


def test_a_caller_who_is_private_is_vouched_for_by_the_asserted_number(world: World) -> None:
    edge = made(world, "require", trust_identity=True)
    asserted = "P-Asserted-Identity: <tel:+14155550111>\nPrivacy: id"
    carrier, agent = call(world, asserted + "\n" + vouched(world, orig={"tn": "14155550111"}))
    assert 200 in carrier.statuses("INVITE")
    assert "anonymous" in (agent.request("INVITE").header("From") or "")
    hang_up(world, edge)


def test_the_asserted_number_is_the_one_that_must_be_vouched_for(world: World) -> None:
    edge = made(world, "require", trust_identity=True)
    carrier, _ = call(world, "P-Asserted-Identity: <tel:+14155550111>\n" + vouched(world))
    assert carrier.statuses("INVITE")[-1] == 438
    hang_up(world, edge)


def test_a_call_that_ends_here_is_vetted_too(world: World) -> None:
    number = msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)
    edge = Edge(world, records(number, msgspec.structs.replace(TRUNK, identity="require")))
    carrier, _ = call(world)
    assert carrier.statuses("INVITE")[-1] == 428
    hang_up(world, edge)


def test_what_the_caller_says_of_itself_does_not_cross(world: World) -> None:
    edge = made(world, "off")
    _, agent = call(world, "X-Trunkline-Attestation: A\nX-Trunkline-Verstat: TN-Validation-Passed-A")
    assert told(agent) == {}
    hang_up(world, edge)
