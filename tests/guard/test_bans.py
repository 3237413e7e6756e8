from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.bans import MOST, Bans, Terms

TERMS = Terms(offences=3.0, forgiven=30.0, first=100.0, longest=1000.0)
HOST = "192.0.2.7"


def offend(bans: Bans, times: int, now: float, proven: bool = True, source: str = HOST) -> list[bool]:
    return [bans.offended(source, 1.0, proven, now) for _ in range(times)]


def test_so_many_offences_are_one_too_many() -> None:
    assert offend(Bans(TERMS), 4, 0.0) == [False, False, True, True]


def test_offences_are_forgiven_over_time() -> None:
    bans = Bans(TERMS)
    assert offend(bans, 2, 0.0) == [False, False]
    assert offend(bans, 1, 10.0) == [False]
    assert offend(bans, 1, 30.0) == [False]
    assert offend(bans, 3, 100.0) == [False, False, True]


def test_what_is_not_proven_is_counted_apart() -> None:
    bans = Bans(TERMS)
    assert offend(bans, 2, 0.0, proven=False) == [False, False]
    assert offend(bans, 2, 0.0, proven=True) == [False, False]
    assert offend(bans, 1, 0.0, proven=False) == [True]


def test_nobody_is_banned_where_the_terms_say_so() -> None:
    assert not any(offend(Bans(TERMS._replace(offences=0.0)), 100, 0.0))


def test_a_ban_ends_by_itself() -> None:
    bans = Bans(TERMS)
    ban = bans.ban("1", HOST, "flood", True, 0.0)
    assert ban is not None
    assert (bans.list(), bans.deadline()) == ((ban,), 100.0)
    assert bans.expire(99.9) == ()
    assert bans.expire(100.0) == (ban,)
    assert (len(bans), bans.deadline()) == (0, inf)


def lengths(bans: Bans, times: int, proven: bool, rest: float = 0.0) -> list[float]:
    """How long each of so many bans lasts, one after the other."""
    found, now = [], 0.0
    for number in range(times):
        ban = bans.ban(str(number), HOST, "flood", proven, now)
        assert ban is not None
        found.append(ban.until - ban.since)
        now = ban.until
        bans.expire(now)
        now += rest
    return found


def test_a_proven_ban_doubles_and_is_bounded() -> None:
    assert lengths(Bans(TERMS), 6, proven=True) == [100.0, 200.0, 400.0, 800.0, 1000.0, 1000.0]


def test_an_unproven_ban_never_grows() -> None:
    assert lengths(Bans(TERMS), 6, proven=False) == [100.0] * 6


def test_a_doubling_is_forgotten_over_time() -> None:
    assert lengths(Bans(TERMS), 3, proven=True, rest=1000.0) == [100.0, 100.0, 100.0]
    bans = Bans(TERMS)
    lengths(bans, 4, proven=True)
    ban = bans.ban("x", HOST, "flood", True, 1500.0 + 2000.0)
    assert ban is not None
    assert ban.until - ban.since == 400.0


def test_a_lifted_ban_is_forgiven_whole() -> None:
    bans = Bans(TERMS)
    lengths(bans, 3, proven=True)
    offend(bans, 2, 700.0)
    bans.ban("x", HOST, "flood", True, 700.0)
    assert bans.lift(HOST) is not None
    assert bans.lift(HOST) is None
    assert offend(bans, 2, 700.0) == [False, False]
    assert lengths(bans, 1, proven=True) == [100.0]


def test_a_proven_offender_banned_on_udp_is_banned_everywhere() -> None:
    bans = Bans(TERMS)
    bans.ban("1", HOST, "flood", False, 0.0)
    assert offend(bans, 3, 0.0, proven=False) == [False, False, False]
    assert offend(bans, 3, 0.0, proven=True) == [False, False, True]
    ban = bans.ban("2", HOST, "guess", True, 0.0)
    assert bans.list() == (ban,)
    assert offend(bans, 3, 0.0, proven=True) == [False, False, False]


def test_an_operators_ban_takes_the_place_of_another() -> None:
    bans = Bans(TERMS)
    bans.ban("1", HOST, "flood", True, 0.0)
    ban = bans.add("2", HOST, "I said so", 5000.0, 1.0)
    assert bans.list() == (ban,)
    assert bans.expire(5000.9) == ()
    assert bans.expire(5001.0) == (ban,)


def test_forged_addresses_cannot_take_all_the_room() -> None:
    bans = Bans(TERMS)
    for number in range(MOST):
        bans.ban(str(number), f"forged {number}", "flood", False, 0.0)
    assert len(bans) == MOST // 2
    for number in range(MOST):
        bans.ban(str(number), f"real {number}", "flood", True, 0.0)
    assert len(bans) == MOST
    assert bans.ban("x", HOST, "flood", True, 0.0) is None
    assert len(bans.expire(100.0)) == MOST
    assert bans.ban("x", HOST, "flood", False, 100.0) is not None


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.floats(0, 200), st.sampled_from(["ban", "lift", "add"])))
)
def test_what_is_listed_is_what_was_begun_and_not_ended(steps: list[tuple[int, bool, float, str]]) -> None:
    bans, held, now = Bans(TERMS), dict[str, float](), 0.0
    for source, proven, passed, what in steps:
        now += passed
        for ban in bans.expire(now):
            assert held.pop(ban.source) <= now
        if what == "lift":
            assert (bans.lift(str(source)) is not None) == (held.pop(str(source), None) is not None)
        else:
            made = (
                bans.add("i", str(source), "r", 50.0, now)
                if what == "add"
                else bans.ban("i", str(source), "r", proven, now)
            )
            assert made is not None
            held[str(source)] = made.until
        assert {ban.source: ban.until for ban in bans.list()} == held
        assert bans.deadline() == min(held.values(), default=inf)
