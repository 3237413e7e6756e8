from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.model.trunk import Range, Trunk
from trunkline.routing.ranges import covering, number_in


def _trunk(*prefixes: str) -> Trunk:
    ranges = tuple(Range(prefix=prefix, agent_id=f"a{prefix}") for prefix in prefixes)
    return Trunk(id="t", organization_id="o", name="t", ranges=ranges)


@pytest.mark.parametrize(
    ("dialled", "agent"),
    [
        ("+493012345", "a+4930"),
        ("+493012399", "a+49301239"),
        ("493012399", "a+49301239"),
        ("+12025550100", "a+"),
        ("12", None),
        ("911", None),
        ("alice", None),
        ("", None),
        ("+", None),
        ("+0123456789", None),
    ],
)
def test_the_longest_prefix_answers_and_only_numbers_are_answered(dialled: str, agent: str | None) -> None:
    found = number_in(_trunk("+", "+4930", "+49301239"), dialled)
    assert (found.agent_id if found is not None else None) == agent
    if found is not None:
        assert (found.id, found.organization_id, found.trunk_id) == ("", "o", "t")


def test_without_ranges_there_is_nobody() -> None:
    assert number_in(_trunk(), "+493012345") is None
    assert number_in(_trunk("+44"), "+493012345") is None


_digits = st.text("0123456789", min_size=1, max_size=4)


@given(st.lists(_digits, max_size=8, unique=True), _digits)
def test_the_order_of_ranges_means_nothing(prefixes: list[str], dialled: str) -> None:
    trunk = _trunk(*[f"+{text}" for text in prefixes])
    fitting = [text for text in prefixes if dialled.startswith(text)]
    found = covering(trunk, f"+{dialled}")
    assert (found.prefix if found is not None else None) == (f"+{max(fitting, key=len)}" if fitting else None)
