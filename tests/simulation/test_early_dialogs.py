"""Early dialogs: several of one INVITE, answers that stand in them, and what is said in them."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import CARRIER, Edge, records
from tests.simulation.peer import Peer, polite
from tests.simulation.phone import ANSWER, OFFER
from tests.simulation.scene import Agent, hang_up
from tests.simulation.world import World
from trunkline.sip.message import Response


def test_the_answer_of_the_183_stands_when_the_200_brings_none(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 183, ANSWER)
    waiting.peer.reply(waiting.invite, 180)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200)
    world.run(0.1)
    assert carrier.response(183).body == carrier.response(200).body != b""
    assert not carrier.response(180).body
    hang_up(world, edge)
    assert edge.record.status == "completed"


def test_a_200_without_any_answer_ends_the_call(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200)
    world.run(100.0)
    assert waiting.peer.methods == ["INVITE", "ACK", "BYE"]
    assert carrier.statuses("INVITE")[-1] == 502
    assert edge.clean() == {}


def test_a_dialog_that_was_never_early_has_its_own_tag(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 183, ANSWER, tag="one")
    waiting.peer.reply(waiting.invite, 200, ANSWER.replace(b"5000", b"5002"), tag="two")
    world.run(0.1)
    assert carrier.response(183).to_tag != carrier.response(200).to_tag
    hang_up(world, edge)


def test_our_own_ringing_is_in_the_dialog_of_the_agents(world: World, carrier: Peer) -> None:
    from tests.simulation.edge import TRUNK

    edge = Edge(world, records(msgspec.structs.replace(TRUNK, ring_after=1.0)))
    waiting = Agent(world)
    carrier.invite()
    world.run(2.0)
    assert carrier.statuses("INVITE") == [100, 180]
    first = carrier.remote_tag
    waiting.peer.reply(waiting.invite, 183, ANSWER)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    assert {carrier.response(status).to_tag for status in (183, 200)} == {first}
    hang_up(world, edge)


@pytest.mark.parametrize("method", ["INFO", "MESSAGE", "INVITE"])
def test_a_request_in_an_early_dialog_does_not_end_it(world: World, edge: Edge, carrier: Peer, method: str) -> None:
    """481 would: §12.2.1.2."""
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 180)
    world.run(0.1)
    carrier.inside(method)
    waiting.peer.remote_tag = waiting.invite.from_tag or ""
    waiting.peer.inside(method, call_id=waiting.invite.call_id)
    world.run(0.1)
    for peer in (carrier, waiting.peer):
        status = peer.statuses(method)[-1]
        assert 400 <= status < 600
        assert status not in (408, 481)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    hang_up(world, edge)


def ringing(world: World, carrier: Peer, forks: int, reliable: bool) -> Agent:
    """An agent that rings in so many early dialogs."""
    waiting = Agent(world)
    carrier.invite(extra="Allow: INVITE, ACK, BYE, CANCEL, UPDATE")
    world.run(0.1)
    extra = "Require: 100rel\nRSeq: 7\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE" if reliable else ""
    for n in range(forks):
        waiting.peer.reply(waiting.invite, 183, ANSWER if reliable else b"", tag=f"fork{n}", extra=extra)
    world.run(0.1)
    waiting.peer.tag, waiting.peer.remote_tag = "fork0", waiting.invite.from_tag or ""
    return waiting


@pytest.mark.parametrize(("forks", "reliable"), [(1, False), (1, True), (2, False), (2, True)])
def test_an_update_without_an_offer_is_agreed_to(
    world: World, edge: Edge, carrier: Peer, forks: int, reliable: bool
) -> None:
    """RFC 3311 §5.2: it changes no session, and nothing of it crosses."""
    waiting = ringing(world, carrier, forks, reliable)
    carrier.inside("UPDATE", contact="sip:moved@192.0.2.1:5066")
    waiting.peer.inside("UPDATE", call_id=waiting.invite.call_id)
    world.run(0.1)
    for peer in (carrier, waiting.peer):
        assert peer.statuses("UPDATE") == [200]
        assert peer.response(200, "UPDATE").header("contact")
        assert "UPDATE" not in peer.methods
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="fork0")
    world.run(0.1)
    waiting.peer.inside("BYE", call_id=waiting.invite.call_id)
    world.run(0.1)
    assert edge.sent[-1][1].startswith(b"BYE sip:moved@192.0.2.1:5066 "), "its new Contact counts (RFC 3311 §5.1)"
    hang_up(world, edge)


@pytest.mark.parametrize("forks", [1, 2])
def test_an_update_with_an_offer_waits_for_the_one_that_is_open(
    world: World, edge: Edge, carrier: Peer, forks: int
) -> None:
    """RFC 3311 §5.2: 500 where the other's offer has no answer yet, 491 where one's own has none."""
    waiting = ringing(world, carrier, forks, False)
    carrier.inside("UPDATE", OFFER)
    waiting.peer.inside("UPDATE", OFFER, call_id=waiting.invite.call_id)
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [500]
    assert 0 <= int(carrier.response(500, "UPDATE").header("Retry-After") or -1) <= 10
    assert waiting.peer.statuses("UPDATE") == [491]
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="fork0")
    world.run(0.1)
    hang_up(world, edge)


def test_an_update_of_an_agent_cannot_be_answered_where_the_caller_has_no_answer(world: World, edge: Edge) -> None:
    """Its own dialog is agreed on; the caller's offer has no reliable answer yet."""
    carrier = Peer(world, CARRIER, polite)
    waiting = ringing(world, carrier, 1, True)
    waiting.peer.inside("UPDATE", OFFER, call_id=waiting.invite.call_id)
    world.run(0.1)
    assert waiting.peer.statuses("UPDATE") == [504]
    waiting.peer.reply(waiting.invite, 200, b"", tag="fork0")
    world.run(0.1)
    hang_up(world, edge)


def test_many_forks_are_not_all_remembered(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    for n in range(300):
        waiting.peer.reply(waiting.invite, 183, tag=f"f{n}")
    world.run(0.1)
    assert edge.core.counts()["dialogs"] < 100
    for n in range(300):
        waiting.peer.reply(waiting.invite, 200, ANSWER, tag=f"f{n}")
    world.run(0.1)
    assert edge.core.counts()["client_transactions"] < 100
    hang_up(world, edge)


def test_a_second_fork_that_answers_late_is_ended(world: World, edge: Edge, carrier: Peer) -> None:
    """Its 200 comes when the call is over and its leg is gone."""
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="one")
    world.run(0.1)
    carrier.inside("BYE")
    world.run(1.0)
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="two")
    world.run(1.0)
    assert [r.method for r in waiting.peer.requests if r.to_tag == "two"] == ["ACK", "BYE"]
    world.run(200.0)
    assert edge.clean() == {}


def test_an_answer_without_a_tag_is_a_dialog(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 100, tag="x")
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="")
    world.run(0.1)
    assert waiting.peer.request("ACK").to_tag is None
    carrier.inside("BYE")
    world.run(0.1)
    assert waiting.peer.request("BYE").to_tag is None
    hang_up(world, edge)


def test_many_late_forks_are_not_all_ended(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    invite = waiting.invite
    waiting.peer.reply(invite, 200, ANSWER)
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    for n in range(300):
        waiting.peer.reply(invite, 200, ANSWER, tag=f"f{n}")
    world.run(0.1)
    assert edge.core.counts()["client_transactions"] < 100
    world.run(200.0)
    assert edge.clean() == {}


@pytest.mark.parametrize("known", [True, False])
def test_an_early_dialog_that_ends_is_told_to_who_knows_what_that_means(world: World, edge: Edge, known: bool) -> None:
    """RFC 6228."""
    carrier, waiting = Peer(world, CARRIER, polite), Agent(world)
    carrier.invite(extra="Supported: 199" if known else "")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 183, ANSWER, tag="a")
    waiting.peer.reply(waiting.invite, 180, tag="b")
    waiting.peer.reply(waiting.invite, 199, tag="a")
    waiting.peer.reply(waiting.invite, 199, tag="never")
    world.run(0.1)
    told = [(m.status, m.to_tag) for m in carrier.heard if isinstance(m, Response) and m.status > 100]
    assert [status for status, _ in told] == ([183, 180, 199] if known else [183, 180])
    if known:
        assert told[2][1] == told[0][1] != told[1][1]
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="b")
    world.run(0.1)
    assert carrier.response(200).to_tag == told[1][1]
    hang_up(world, edge)


def test_180_after_183_and_183_after_180_keep_their_order_and_their_media(world: World, edge: Edge) -> None:
    carrier, waiting = Peer(world, CARRIER, polite), Agent(world)
    carrier.invite()
    world.run(0.1)
    for status, body in ((180, b""), (183, ANSWER), (180, b""), (183, ANSWER), (182, b"")):
        waiting.peer.reply(waiting.invite, status, body)
        world.run(0.1)
    heard = [(m.status, bool(m.body)) for m in carrier.heard if isinstance(m, Response) and m.status > 100]
    assert heard == [(180, False), (183, True), (180, False), (183, True), (182, False)]
    bodies = {m.body for m in carrier.heard if isinstance(m, Response) and m.status == 183}
    assert len(bodies) == 1, "the same session, so the same version"
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    assert carrier.response(200).body in bodies
    hang_up(world, edge)
