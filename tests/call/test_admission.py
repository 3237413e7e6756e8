from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.call import arrivals as a
from trunkline.call.decision.admission import Admission
from trunkline.guard.rate import Rate

TRUNKS = {id: a.trunk(id, max_concurrent_calls=limit) for id, limit in (("t", 2), ("u", 0), ("v", None))}


class AdmissionBesideItsModel(RuleBasedStateMachine):
    """The model knows of each call which trunks it was let in by."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission()
        self.calls: dict[str, set[str]] = {}
        self.turn = 0

    def _room(self, id: str) -> bool:
        limit = TRUNKS[id].max_concurrent_calls
        return limit is None or sum(id in held for held in self.calls.values()) < limit

    @rule(id=st.sampled_from(sorted(TRUNKS)))
    def arrive(self, id: str) -> None:
        self.turn += 1
        full = self.admission.refuses(TRUNKS[id], "s", float(self.turn), None, 4)
        assert (full is None) == (self._room(id) and len(self.calls) < 4)
        if full is None:
            call = f"c{self.turn}"
            self.admission.take(TRUNKS[id], "s", call, float(self.turn), None)
            self.calls[call] = {id}

    @rule(id=st.sampled_from(sorted(TRUNKS)), data=st.data())
    def attempt(self, id: str, data: st.DataObject) -> None:
        if self.calls:
            call = data.draw(st.sampled_from(sorted(self.calls)))
            room = id in self.calls[call] or self._room(id)
            assert self.admission.attempt(TRUNKS[id], call) == room
            if room:
                self.calls[call].add(id)

    @rule(data=st.data(), again=st.booleans())
    def end(self, data: st.DataObject, again: bool) -> None:
        if self.calls:
            call = data.draw(st.sampled_from(sorted(self.calls)))
            del self.calls[call]
            for _ in range(1 + again):
                self.admission.release(call, 0.0)

    @invariant()
    def it_counts_as_the_model(self) -> None:
        assert len(self.admission.capacity) == len(self.calls)
        for id in TRUNKS:
            assert self.admission.capacity.used(id) == sum(id in held for held in self.calls.values())


TestAdmissionBesideItsModel = AdmissionBesideItsModel.TestCase
TestAdmissionBesideItsModel.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@given(st.lists(st.floats(0, 3), max_size=30))
def test_retry_after_is_the_whole_seconds_to_wait(pauses: list[float]) -> None:
    admission, trunk, rate, now = Admission(), a.trunk(calls_per_second=0.7), Rate(0.4, 2.0), 0.0
    for pause in pauses:
        now += pause
        full = admission.refuses(trunk, "s", now, rate, None)
        if full is None:
            admission.take(trunk, "s", "c", now, rate)
        else:
            assert full.retry_after >= 1
            later = admission.refuses(trunk, "s", now + full.retry_after, rate, None)
            assert later is None or later.cause != full.cause
