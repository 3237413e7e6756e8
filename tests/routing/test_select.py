from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from trunkline.model.agent import HUNT_ON, Agent, AgentKind, Step
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.routing.draw import drawn
from trunkline.routing.select import DEEPEST, MOST, Selection, select

E164 = "+12025550100"


def _agent(id: str, kind: AgentKind = "echo", **fields: Any) -> Agent:
    return Agent(id=id, organization_id=fields.pop("organization_id", "o"), name=id, kind=kind, **fields)


def _trunk(id: str, **fields: Any) -> Trunk:
    return Trunk(id=id, organization_id=fields.pop("organization_id", "o"), name=id, **fields)


def _select(agent_id: str | None, agents: list[Agent], *trunks: Trunk) -> Selection:
    number = Number(id="n", organization_id="o", e164=E164, agent_id=agent_id)
    return select(number, {agent.id: agent for agent in agents}, {trunk.id: trunk for trunk in trunks})


def _causes(selection: Selection) -> list[str]:
    assert not selection.candidates
    return [skip.cause for skip in selection.skipped]


def test_the_echo_agent_needs_nothing() -> None:
    (candidate,) = _select("e", [_agent("e", ring_timeout=7)]).candidates
    assert (candidate.uri, candidate.trunk, candidate.transport, candidate.ring_timeout) == (None, None, None, 7)


def test_a_number_without_agent_has_nobody_and_no_excuse() -> None:
    assert _select(None, []) == ((), ())


def test_a_sip_agent_is_called_by_its_uri_with_its_trunks_profile() -> None:
    trunk = _trunk("t", host="pbx.example.com", transport="tls")
    agent = _agent("s", "sip", uri="sip:bot@192.0.2.5:5080", trunk_id="t")
    (candidate,) = _select("s", [agent], trunk).candidates
    assert candidate[:4] == (agent, "sip:bot@192.0.2.5:5080", trunk, "tls")
    (alone,) = _select("s", [_agent("s", "sip", uri="sips:bot@example.com")]).candidates
    assert alone.transport is None


@pytest.mark.parametrize(
    ("kind", "trunk", "uri", "transport"),
    [
        ("sip", _trunk("t", host="192.0.2.5"), f"sip:{E164}@192.0.2.5", "udp"),
        ("sip", _trunk("t", host="2001:db8::5", port=5070, transport="tcp"), None, "tcp"),
        (
            "elevenlabs",
            _trunk("t", provider="elevenlabs", host="sip.rtc.elevenlabs.io", port=5061, transport="tls"),
            f"sip:{E164}@sip.rtc.elevenlabs.io:5061;transport=tls",
            "tls",
        ),
        (
            "elevenlabs",
            _trunk("t", provider="elevenlabs"),
            f"sip:{E164}@sip.rtc.elevenlabs.io:5061;transport=tls",
            "tls",
        ),
        (
            "openai",
            _trunk("t", provider="openai", settings={"project_id": Secret("proj_1")}),
            "sip:proj_1@sip.api.openai.com;transport=tls",
            "tls",
        ),
        (
            "openai",
            _trunk("t", provider="openai", host="127.0.0.1", port=5090, settings={"project_id": Secret("proj_1")}),
            "sip:proj_1@127.0.0.1:5090",
            "udp",
        ),
        (
            "livekit",
            _trunk("t", provider="livekit", host="x.sip.livekit.cloud", transport="tcp"),
            f"sip:{E164}@x.sip.livekit.cloud;transport=tcp",
            "tcp",
        ),
    ],
)
def test_an_agent_behind_a_trunk_is_called_as_its_peer_asks(
    kind: AgentKind, trunk: Trunk, uri: str | None, transport: str
) -> None:
    (candidate,) = _select("a", [_agent("a", kind, trunk_id="t")], trunk).candidates
    assert candidate.uri == (uri or f"sip:{E164}@[2001:db8::5]:5070;transport=tcp")
    assert candidate.transport == transport
    assert candidate.trunk is trunk


@pytest.mark.parametrize(
    ("agent", "cause"),
    [
        (_agent("a", enabled=False), "agent-disabled"),
        (_agent("a", "websocket", uri="wss://example.com"), "agent-unsupported"),
        (_agent("a", "webrtc", uri="https://example.com"), "agent-unsupported"),
        (_agent("a", "sip"), "agent-unreachable"),
        (_agent("a", "openai"), "agent-unreachable"),
        (_agent("a", "sip", trunk_id="gone"), "agent-trunk-gone"),
        (_agent("a", "sip", trunk_id="foreign"), "agent-trunk-gone"),
        (_agent("a", "sip", uri="sip:a@192.0.2.1", trunk_id="off"), "agent-trunk-disabled"),
        (_agent("a", "sip", trunk_id="nowhere"), "agent-unreachable"),
        (_agent("a", "openai", trunk_id="openai"), "agent-unreachable"),
        (_agent("a", "livekit", trunk_id="livekit"), "agent-unreachable"),
        (_agent("a", "group"), "group-empty"),
        (_agent("a", organization_id="p"), "agent-gone"),
        (_agent("b"), "agent-gone"),
    ],
)
def test_an_agent_that_cannot_be_called_says_why_and_what_would_mend_it(agent: Agent, cause: str) -> None:
    trunks = [
        _trunk("foreign", organization_id="p", host="192.0.2.1"),
        _trunk("off", enabled=False, host="192.0.2.1"),
        _trunk("nowhere"),
        _trunk("openai", provider="openai"),
        _trunk("livekit", provider="livekit"),
    ]
    selection = _select("a", [agent], *trunks)
    assert _causes(selection) == [cause]
    assert selection.skipped[0].mend.endswith(".")


def test_a_group_is_tried_in_its_order_and_passes_over_who_cannot() -> None:
    agents = [
        _agent("g", "group", members=("b", "off", "h", "b", "e")),
        _agent("h", "group", members=("s", "gone", "g")),
        _agent("b"),
        _agent("e"),
        _agent("off", enabled=False),
        _agent("s", "sip", uri="sip:s@192.0.2.1"),
    ]
    selection = _select("g", agents)
    assert [candidate.agent.id for candidate in selection.candidates] == ["b", "s", "e"]
    assert [(skip.agent_id, skip.cause) for skip in selection.skipped] == [
        ("off", "agent-disabled"),
        ("gone", "agent-gone"),
    ]


def test_groups_are_followed_to_a_depth_and_a_number() -> None:
    chain = [_agent(f"g{index}", "group", members=(f"g{index + 1}",)) for index in range(DEEPEST + 3)]
    assert _causes(_select("g0", chain)) == ["group-too-deep"]
    members = tuple(f"m{index}" for index in range(MOST + 2))
    selection = _select("g", [_agent("g", "group", members=members), *[_agent(id) for id in members]])
    assert len(selection.candidates) == MOST
    assert {skip.cause for skip in selection.skipped} == {"too-many-agents"}


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=8).map(tuple), max_size=8
    )
)
def test_groups_in_any_knot_end_and_call_each_agent_once(graph: dict[str, tuple[str, ...]]) -> None:
    agents = [_agent(id, "group" if members else "echo", members=members) for id, members in graph.items()]
    selection = _select("a", agents)
    called = [candidate.agent.id for candidate in selection.candidates]
    assert len(called) == len(set(called)) <= MOST
    assert all(not graph[id] for id in called)


def test_a_group_gives_its_members_their_time_and_its_rules() -> None:
    inner = _agent("i", "group", members=("b",), hunt_on=(404,), hunt_timeout=500.0)
    steps = {"a": Step(ring_timeout=5.0)}
    group = _agent("g", "group", members=("a", "i", "c"), steps=steps, hunt_timeout=40.0)
    agents = [group, inner, *[_agent(id, ring_timeout=20.0) for id in "abc"]]
    found = _select("g", agents).candidates
    assert [one.ring_timeout for one in found] == [5.0, 20.0, 20.0]
    assert [one.hunt_on for one in found] == [HUNT_ON, (404,), HUNT_ON]
    assert {one.within for one in found} == {40.0}, "the outermost group's"


def _group(*members: str, **fields: Any) -> list[Agent]:
    return [_agent("g", "group", members=members, **fields), *[_agent(id) for id in members]]


def _order(selection: Selection) -> str:
    return "".join([one.agent.id for one in selection.candidates])


def test_who_is_silent_is_passed_over_unless_all_are() -> None:
    number = Number(id="n", organization_id="o", e164=E164, agent_id="g")
    agents = {agent.id: agent for agent in _group("a", "b", "c")}
    dead = {"a": "no answer within 4 s", "c": "refused"}
    selection = select(number, agents, {}, lambda agent, trunk: dead.get(agent.id))
    assert _order(selection) == "b"
    assert [(skip.agent_id, skip.cause) for skip in selection.skipped] == [
        ("a", "agent-unreachable"),
        ("c", "agent-unreachable"),
    ]
    assert selection.skipped[0].mend == "Agent a does not answer its probes: no answer within 4 s."
    dead["b"] = "refused"
    selection = select(number, agents, {}, lambda agent, trunk: dead.get(agent.id))
    assert (_order(selection), selection.skipped) == ("abc", ())
    alone = structs.replace(number, agent_id="a")
    assert _order(select(alone, agents, {}, lambda agent, trunk: "no answer")) == "a"


def test_without_chance_the_heaviest_is_first_and_weightless_ones_last() -> None:
    steps = {"a": Step(weight=0), "c": Step(weight=5)}
    assert _order(_select("g", _group("a", "b", "c", "d", steps=steps, strategy="weighted"))) == "cbda"


@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6),
)
def test_a_draw_leaves_nobody_out(weights: list[int], chances: list[float]) -> None:
    ids = "abcdef"[: len(weights)]
    order = drawn(list(zip(ids, weights, strict=True)), iter(chances).__next__)
    assert sorted(order) == sorted(ids)
    weightless = [id for id, weight in zip(ids, weights, strict=True) if not weight]
    assert order[len(order) - len(weightless) :] == weightless


def test_a_draw_is_by_weight() -> None:
    """Over evenly spread chances each member comes first in proportion."""
    members = [("a", 1), ("b", 3), ("c", 0)]
    firsts = Counter([drawn(members, repeat((n + 0.5) / 400).__next__)[0] for n in range(400)])
    assert firsts == {"a": 100, "b": 300}
