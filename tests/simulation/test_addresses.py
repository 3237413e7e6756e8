"""An agent of several addresses: which is tried first, when the next is, and what becomes of those that wake late."""

from __future__ import annotations

import pytest

from tests.simulation.edge import CARRIER
from tests.simulation.named import FIRST, SECOND, THIRD, call, calling, end, flow, invites, named, sent_to
from tests.simulation.peer import Message, Peer, answers, refusing
from tests.simulation.phone import ANSWER
from trunkline.call.inputs import HangUp, Unreached
from trunkline.sip.message import Request


def test_what_did_not_answer_is_tried_last_by_the_next_call() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(4.1)
    assert carrier.statuses("INVITE")[-1] == 200
    call(carrier, 2)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200, "at once"
    assert invites(second) == [2]
    end(edge)


def test_an_address_that_is_back_is_first_again() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    first = Peer(edge.world, FIRST, answers)
    edge.world.run(10.0)
    call(carrier, 2)
    edge.world.run(0.1)
    assert invites(first, second) == [1, 1]
    end(edge)


@pytest.mark.parametrize(
    ("extra", "rest"), [("", 10.0), ("Retry-After: 60 (later);duration=5", 60.0), ("Retry-After: soon", 10.0)]
)
def test_who_says_503_rests_as_long_as_it_asks(extra: str, rest: float) -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    first = Peer(edge.world, FIRST, refusing(503, extra))
    call(carrier)
    edge.world.run(rest - 0.1)
    assert invites(first, second) == [1, 1]
    call(carrier, 2)
    edge.world.run(0.2)
    assert invites(first, second) == [1, 2]
    call(carrier, 3)
    edge.world.run(0.1)
    assert invites(first, second) == [2, 3]
    end(edge)


def test_where_all_have_failed_all_are_tried() -> None:
    edge = named()
    carrier = Peer(edge.world, CARRIER, calling)
    peers = [Peer(edge.world, host, refusing(503)) for host in (FIRST, SECOND, THIRD)]
    for number in (1, 2):
        call(carrier, number)
        edge.world.run(1.0)
        assert carrier.statuses("INVITE")[-1] == 503
        assert invites(*peers) == [number] * 3
    end(edge)


def test_a_partition_costs_one_call_four_seconds_and_the_others_nothing() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    for number in range(1, 6):
        call(carrier, number)
        edge.world.run(4.1 if number == 1 else 0.1)
        assert carrier.statuses("INVITE")[-1] == 200
    assert invites(second) == [5]
    end(edge)


def test_the_last_address_has_all_the_time_there_is() -> None:
    edge = named()
    edge.leads = (flow(FIRST),)
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    call(carrier)
    edge.world.run(10.0)
    assert len(first.requests) > 3, "it is sent again"
    first.reply(first.request("INVITE"), 200, ANSWER)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)


def test_who_rings_has_been_reached() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)

    def trying(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 100, tag="")
        if isinstance(message, Request) and message.method == "CANCEL":
            peer.reply(message, 200)
            peer.reply(peer.request("INVITE"), 487)

    first = Peer(edge.world, FIRST, trying)
    call(carrier)
    edge.world.run(15.0)
    assert invites(first, second) == [1, 0]
    end(edge)


@pytest.mark.parametrize("answered", [False, True])
def test_who_wakes_late_is_told_that_nobody_waits(answered: bool) -> None:
    """The first address rings, or picks up, after the second one has."""
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    assert carrier.statuses("INVITE")[-1] == 200
    assert set(first.methods) == {"INVITE"}
    sent = len(first.heard)
    edge.world.run(5.0)
    assert len(first.heard) == sent, "what was given up is not sent again"
    invite = first.request("INVITE")
    if answered:
        first.reply(invite, 200, ANSWER)
        edge.world.run(0.1)
        assert first.methods[sent:] == ["ACK", "BYE"]
        first.reply(first.request("BYE"), 200)
    else:
        first.reply(invite, 180)
        first.reply(invite, 180)
        edge.world.run(0.1)
        assert first.methods[sent:] == ["CANCEL"]
        first.reply(first.request("CANCEL"), 200)
        first.reply(invite, 487)
        edge.world.run(0.1)
        assert first.methods[sent:] == ["CANCEL", "ACK"]
    assert carrier.statuses("INVITE").count(200) == 1
    assert "BYE" not in carrier.methods
    end(edge)


def test_who_hangs_up_while_nobody_answers_is_done_with_all_addresses() -> None:
    edge = named()
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    branch = carrier.invite()
    edge.world.run(1.0)
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    edge.world.run(10.0)
    assert second.heard == []
    assert carrier.statuses("INVITE")[-1] == 487
    end(edge)


# ── nobody listens there (RFC 3261 §18.4) ─────────────────────────────────────────────────────────────────────────────


def test_where_nobody_listens_the_next_address_is_tried_at_once() -> None:
    edge = named()
    edge.world.closed.add((FIRST, 5060))
    carrier, second = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    for number in (1, 2):
        call(carrier, number)
        edge.world.run(0.1)
        assert carrier.statuses("INVITE")[-1] == 200
    assert invites(second) == [2]
    assert len(sent_to(edge, FIRST)) == 1, "the second call knows"
    end(edge)


def test_where_nobody_listens_at_all_the_caller_is_told_at_once() -> None:
    edge = named()
    edge.leads = (flow(FIRST),)
    edge.world.closed.add((FIRST, 5060))
    carrier = Peer(edge.world, CARRIER, calling)
    call(carrier)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 503
    assert carrier.response(503).header("reason") == 'SIP;cause=503;text="unreachable"'
    (leg,) = [leg for leg in edge.record.legs if leg.side == "agent"]
    assert (leg.status, leg.reason) == (503, "connection refused")
    end(edge)


def test_who_has_answered_is_there_whatever_the_network_says() -> None:
    """An error that comes late, of an INVITE sent before somebody listened."""
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    second = Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(0.1)
    invite = first.request("INVITE")
    late = Unreached(flow(FIRST), f"{invite.via.branch} INVITE", "connection refused")
    first.reply(invite, 180)
    edge.world.run(0.1)
    edge.give(late)
    first.reply(invite, 200, ANSWER)
    edge.world.run(0.1)
    edge.give(late)
    assert carrier.statuses("INVITE")[-1] == 200
    assert invites(first, second) == [1, 0]
    first.react = answers
    end(edge)


def test_a_bye_waits_for_a_peer_that_starts_again() -> None:
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier)
    edge.world.run(0.1)
    edge.world.closed.add((FIRST, 5060))
    for live in list(edge.core.calls):
        edge.give(HangUp(live))
    edge.world.run(5.0)
    assert "BYE" not in first.methods
    edge.world.closed.clear()
    edge.world.run(5.0)
    assert first.methods.count("BYE") == 1
    end(edge)


def test_what_was_given_up_may_turn_out_to_have_gone_nowhere() -> None:
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST)
    Peer(edge.world, SECOND, answers)
    call(carrier)
    edge.world.run(5.0)
    edge.give(Unreached(flow(FIRST), f"{first.request('INVITE').via.branch} INVITE", "connection refused"))
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)
