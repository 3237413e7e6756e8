from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.trunk.capacity import Capacity

trunks = st.sampled_from(["t", "u", "v"])
calls = st.sampled_from([f"c{index}" for index in range(6)])


class CapacityBesideItsModel(RuleBasedStateMachine):
    """The model is one set of (trunk, call) pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity = Capacity()
        self.held: set[tuple[str, str]] = set()

    @rule(trunk=trunks, call=calls)
    def hold(self, trunk: str, call: str) -> None:
        self.capacity.hold(trunk, call)
        self.held.add((trunk, call))

    @rule(call=calls)
    def release(self, call: str) -> None:
        self.capacity.release(call)
        self.held = {pair for pair in self.held if pair[1] != call}

    @rule(trunk=trunks, call=calls)
    def leave(self, trunk: str, call: str) -> None:
        self.capacity.leave(trunk, call)
        self.held.discard((trunk, call))

    @invariant()
    def it_counts_as_the_model(self) -> None:
        for trunk in ("t", "u", "v"):
            used = sum(holder == trunk for holder, _ in self.held)
            assert self.capacity.used(trunk) == used
            assert not self.capacity.full(trunk, None)
            assert not self.capacity.full(trunk, used + 1)
            assert self.capacity.full(trunk, used)
            for index in range(6):
                assert self.capacity.holds(trunk, f"c{index}") == ((trunk, f"c{index}") in self.held)
        assert len(self.capacity) == len({call for _, call in self.held})

    def teardown(self) -> None:
        for index in range(6):
            self.capacity.release(f"c{index}")
        assert not self.capacity._held
        assert not self.capacity._calls


TestCapacityBesideItsModel = CapacityBesideItsModel.TestCase
TestCapacityBesideItsModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_lowering_a_limit_ends_no_call_and_admits_none_until_places_are_free() -> None:
    capacity = Capacity()
    for call in "abc":
        capacity.hold("t", call)
    assert capacity.full("t", 2)
    capacity.release("a")
    assert capacity.full("t", 2)
    capacity.release("b")
    assert not capacity.full("t", 2)


def test_a_limit_of_none_at_once_is_always_full() -> None:
    assert Capacity().full("t", 0)
