from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.sdp.policy import OPEN, Encryption, Policy

codecs = st.lists(st.sampled_from(["PCMU", "PCMA", "G722"]), unique=True).map(tuple)
encryptions: st.SearchStrategy[Encryption] = st.sampled_from(["disable", "allow", "require"])
policies = st.builds(Policy, codecs, encryptions)


@given(policies, policies)
def test_both_trunks_allow_what_the_meeting_allows(one: Policy, other: Policy) -> None:
    met, turned = one.meet(other), other.meet(one)
    assert met.closed == turned.closed
    assert set(met.codecs) == set(turned.codecs)
    for policy in (one, other):
        assert not policy.codecs or set(met.codecs) <= set(policy.codecs)
    assert [name for name in (one.codecs or other.codecs) if name in met.codecs] == list(met.codecs)
    if one.codecs and other.codecs and not met.codecs:
        assert met.closed


@given(policies)
def test_an_open_trunk_adds_nothing(policy: Policy) -> None:
    assert policy.meet(OPEN) == policy == OPEN.meet(policy)
    assert policy.meet(policy) == policy


def test_plain_against_encrypted_leaves_nothing() -> None:
    assert Policy(encryption="disable").meet(Policy(encryption="require")).closed
    assert Policy(encryption="allow").meet(Policy(encryption="require")) == Policy(encryption="require")
