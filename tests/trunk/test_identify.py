from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.trunk.identify import BY_USER_ALONE, Conflict, Signs, conflicts, identify

HERE = Signs("udp", 5060)


def _trunk(id: str, **fields: Any) -> Trunk:
    return Trunk(id=id, organization_id=fields.pop("organization_id", "o"), name=id, **fields)


def _by(*candidates: tuple[Trunk, int], signs: Signs = HERE) -> tuple[str, str]:
    found = identify(candidates, signs)
    assert found is not None
    return found.trunk.id, found.by


def test_one_candidate_is_it_whatever_it_is() -> None:
    assert _by((_trunk("a", enabled=False, transport="tls"), 24)) == ("a", "network")


def test_without_candidates_it_is_nobody() -> None:
    assert identify([], HERE) is None


@pytest.mark.parametrize("agents", [{"provider": "livekit"}, {"role": "agent"}])
def test_calls_to_our_numbers_are_carriers_and_others_are_from_the_agents_side(agents: dict[str, Any]) -> None:
    carrier, agent = (_trunk("a"), 24), (_trunk("b", username="u", password=Secret("s"), **agents), 24)
    assert _by(carrier, agent) == ("a", "direction")
    assert _by(carrier, agent, signs=HERE._replace(ours=False)) == ("b", "direction")
    assert _by(agent) == ("b", "network")
    assert _by(carrier, signs=HERE._replace(ours=False)) == ("a", "network")
    # What it shows on purpose goes before what it asks for.
    assert _by(carrier, agent, signs=HERE._replace(username="u")) == ("b", "user")
    assert _by(carrier, agent, signs=HERE._replace(endpoint="b")) == ("b", "endpoint")


def test_what_the_request_says_goes_before_its_circumstances() -> None:
    a = _trunk("a", username="ua", password=Secret("s"))
    b = _trunk("b", username="ub", password=Secret("s"), transport="tcp")
    c = _trunk("c", enabled=False)
    three = ((a, 24), (b, 24), (c, 24))
    everything = Signs("udp", 5060, own="c", endpoint="b", username="ua")
    assert _by(*three, signs=everything) == ("c", "number")
    assert _by(*three, signs=everything._replace(own=None)) == ("b", "endpoint")
    assert _by(*three, signs=everything._replace(own=None, endpoint=None)) == ("a", "user")
    nothing = everything._replace(own="x", endpoint="x", username="x")
    assert _by(*three, signs=nothing) == ("a", "transport")
    assert _by(*three, signs=nothing._replace(ranged=("b",))) == ("b", "range")
    assert _by(*three, signs=everything._replace(own=None, ranged=("c",))) == ("b", "endpoint")


@pytest.mark.parametrize(
    ("fields", "prefix", "by"),
    [
        ({"enabled": False}, 24, "state"),
        ({"transport": "tls"}, 24, "transport"),
        ({}, 16, "prefix"),
        ({"port": 5070}, 24, "port"),
        ({}, 24, "age"),
        ({}, BY_USER_ALONE, "network"),
    ],
)
def test_circumstances_decide_between_equals(fields: dict[str, Any], prefix: int, by: str) -> None:
    usual, other = (_trunk("a", port=5060), 24), (_trunk("b", **{"port": 5060, **fields}), prefix)
    assert _by(usual, other) == _by(other, usual) == ("a", by)


def test_the_agents_side_brings_no_calls_when_another_trunk_may() -> None:
    a, b = (_trunk("a"), 32), (_trunk("b"), 32)
    assert _by(a, b, signs=HERE._replace(agent_side="a")) == ("b", "side")
    assert _by(a, signs=HERE._replace(agent_side="a")) == ("a", "network")


trunks = st.builds(
    Trunk,
    id=st.sampled_from("abcdef"),
    organization_id=st.sampled_from("op"),
    name=st.just("t"),
    provider=st.sampled_from(["generic", "livekit"]),
    role=st.sampled_from(["carrier", "agent"]),
    transport=st.sampled_from(["udp", "tcp", "tls"]),
    port=st.sampled_from([None, 5060, 5070]),
    username=st.sampled_from([None, "u", "v"]),
    password=st.sampled_from([None, Secret("s")]),
    enabled=st.booleans(),
    networks=st.lists(st.sampled_from(["192.0.2.0/24", "198.51.100.0/24"]), max_size=2).map(tuple),
)
signs = st.builds(
    Signs,
    st.sampled_from(["udp", "tcp", "tls"]),
    st.sampled_from([5060, 5070]),
    st.sampled_from([None, *"abc"]),
    st.sampled_from([None, *"abc"]),
    st.sampled_from([None, "u", "v"]),
    st.sampled_from([None, *"abc"]),
    st.sampled_from([None, *"abc"]),
    st.booleans(),
    device=st.none(),
    certified=st.just(()),
    ranged=st.sampled_from([(), ("b",), ("a", "c")]),
)


@given(
    st.lists(st.tuples(trunks, st.sampled_from([-1, 16, 24, 32])), max_size=6, unique_by=lambda c: c[0].id),
    signs,
    st.randoms(),
)
def test_the_answer_does_not_depend_on_the_order_of_candidates(
    candidates: list[tuple[Trunk, int]], seen: Signs, random: Any
) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)
    found = identify(candidates, seen)
    assert found == identify(shuffled, seen)
    assert (found is not None) == bool(candidates)
    if found is not None and seen.own in [trunk.id for trunk, _ in candidates]:
        assert found.trunk.id == seen.own


def test_trunks_that_nothing_tells_apart_conflict() -> None:
    a, b = (_trunk(id, networks=("192.0.2.0/24",), host="sip.example.com") for id in "ab")
    assert conflicts([a, b]) == [Conflict("a", "b", "192.0.2.0/24")]


@pytest.mark.parametrize(
    "fields",
    [
        {"networks": ("192.0.2.0/25",)},
        {"networks": ()},
        {"organization_id": "p"},
        {"transport": "tcp"},
        {"host": "other.example.com"},
        {"port": 5070},
        {"username": "u", "password": Secret("s")},
        {"enabled": False},
        {"provider": "elevenlabs"},
    ],
)
def test_trunks_that_something_tells_apart_do_not_conflict(fields: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"networks": ("192.0.2.0/24",), "host": "sip.example.com"}
    assert conflicts([_trunk("a", **usual), _trunk("b", **{**usual, **fields})]) == []


def test_a_trunk_does_not_conflict_with_itself() -> None:
    assert conflicts([_trunk("a", networks=("192.0.2.0/24", "192.0.2.0/24"))]) == []
