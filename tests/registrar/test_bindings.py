"""The location service beside a model of it, and what makes two Contacts the same."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.registrar.bindings import Asking, Bindings, OutOfOrder, TooBrief, Wish, key_of
from trunkline.registrar.terms import Terms
from trunkline.sip.flow import Flow
from trunkline.sip.uri import parse_uri

TERMS = Terms(shortest=60, usual=300, longest=600, contacts=3)
FLOWS = [
    Flow("udp", ("192.0.2.5", 5060), ("192.0.2.40", 5060)),
    Flow("tcp", ("192.0.2.5", 5060), ("192.0.2.40", 40000), "in:1"),
    Flow("tcp", ("192.0.2.5", 5060), ("192.0.2.40", 40001), "in:2"),
]
CONTACTS = [f"sip:a{n}@10.0.0.1" for n in range(5)]


def wish(text: str, expires: int | None = None, instance: str = "", reg_id: int = 0) -> Wish:
    return Wish(parse_uri(text), text, expires, 1.0, instance, reg_id)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sip:a@h", "sip:a@H:5060"),
        ("sip:a@h;transport=udp", "SIP:a@h"),
        ("sip:%61@h", "sip:a@h"),
        ("sip:a@h;transport=tls", "sip:a@h:5061;transport=TLS"),
        ("sips:a@h", "sips:a@h:5061"),
        ("sip:a@h;ob", "sip:a@h"),
    ],
)
def test_contacts_that_are_the_same(first: str, second: str) -> None:
    assert key_of(wish(first)) == key_of(wish(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sip:a@h", "sip:A@h"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:a@h:5061"),
        ("sip:a@h", "sip:a@h;transport=tcp"),
        ("sip:a@h", "sip:a@h;maddr=10.0.0.1"),
        ("sip:a@h", "sip:h"),
    ],
)
def test_contacts_that_are_not(first: str, second: str) -> None:
    assert key_of(wish(first)) != key_of(wish(second))


def test_a_device_is_its_instance_and_flow_number() -> None:
    assert key_of(wish("sip:a@h", None, "<urn:1>", 1)) == key_of(wish("sip:b@i", None, "<urn:1>", 1))
    assert key_of(wish("sip:a@h", None, "<urn:1>", 1)) != key_of(wish("sip:a@h", None, "<urn:1>", 2))
    assert key_of(wish("sip:a@h", None, "<urn:1>")) == key_of(wish("sip:a@h"))


class BindingsRun(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.bindings = Bindings(TERMS)
        self.model: dict[tuple[str, str], tuple[str, int, float, Flow]] = {}
        """Call-ID, CSeq, expiry and flow by trunk and contact."""

    @rule(
        trunk=st.sampled_from("ab"),
        contacts=st.lists(st.sampled_from(CONTACTS), max_size=2, unique=True),
        expires=st.sampled_from([None, 0, 10, 60, 300, 9999]),
        call_id=st.sampled_from("xy"),
        cseq=st.integers(1, 6),
        flow=st.sampled_from(FLOWS),
    )
    def register(
        self, trunk: str, contacts: list[str], expires: int | None, call_id: str, cseq: int, flow: Flow
    ) -> None:
        wishes = [wish(contact, expires) for contact in contacts]
        keys = {contact: (trunk, key_of(wish(contact))) for contact in contacts}
        done = self.bindings.register(trunk, wishes, Asking(call_id, cseq, flow), self.now)
        brief = bool(contacts) and expires == 10
        late = any(
            (held := self.model.get(key)) is not None and held[0] == call_id and cseq <= held[1]
            for key in keys.values()
        )
        if brief or late:
            assert isinstance(done, TooBrief | OutOfOrder)
            return
        assert isinstance(done, list)
        for change in done:
            key = (change.binding.trunk_id, change.binding.key)
            if change.what in ("new", "refreshed"):
                assert (change.what == "new") == (key not in self.model)
                self.model[key] = (call_id, cseq, change.binding.expires_at, flow)
                assert change.binding.expires_at == self.now + (300 if expires is None else min(expires, 600))
            else:
                if change.what == "crowded":
                    mine = [at for (owner, _), (_, _, at, _) in self.model.items() if owner == trunk]
                    assert len(mine) == 3
                    assert self.model[key][2] == min(mine)
                del self.model[key]
        for key in keys.values():
            assert (key in self.model) == (expires != 0) or len(contacts) > 1

    @rule(seconds=st.floats(0.0, 400.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        gone = {(change.binding.trunk_id, change.binding.key) for change in self.bindings.expire(self.now)}
        assert gone == {key for key, (_, _, at, _) in self.model.items() if at <= self.now}
        for key in gone:
            del self.model[key]

    @rule(flow=st.sampled_from(FLOWS[1:]))
    def close(self, flow: Flow) -> None:
        gone = {(change.binding.trunk_id, change.binding.key) for change in self.bindings.closed(flow)}
        assert gone == {key for key, (_, _, _, its) in self.model.items() if its == flow}
        for key in gone:
            del self.model[key]

    @rule(trunk=st.sampled_from("ab"))
    def forget(self, trunk: str) -> None:
        self.bindings.forget(trunk)
        self.model = {key: held for key, held in self.model.items() if key[0] != trunk}

    @invariant()
    def they_agree(self) -> None:
        assert {(each.trunk_id, each.key) for each in self.bindings.all()} == set(self.model)
        assert len(self.bindings) == len(self.model)
        assert set(self.bindings.flows) == {flow for _, _, _, flow in self.model.values()}
        for trunk in "ab":
            assert len(self.bindings.of(trunk)) <= 3
        assert self.bindings.deadline() == min((at for _, _, at, _ in self.model.values()), default=inf)


TestBindingsRun = BindingsRun.TestCase
