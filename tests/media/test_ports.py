from __future__ import annotations

import socket

import pytest

from trunkline.media.ports import MAX_TRIES, PortPair, PortPool

LOW, HIGH = 38200, 38215


def bound(pool: PortPool, host: str = "127.0.0.1") -> PortPair:
    pair = pool.bind(host)
    assert pair is not None
    return pair


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_rtp_is_even_and_rtcp_the_next(host: str) -> None:
    pool = PortPool(LOW, HIGH)
    pair = bound(pool, host)
    assert pair.port % 2 == 0
    assert pair.rtp.getsockname()[:2] == (host, pair.port)
    assert pair.rtcp.getsockname()[:2] == (host, pair.port + 1)
    assert pool.in_use == 1
    pool.release(pair)
    assert pool.in_use == 0
    assert pair.rtp.fileno() == pair.rtcp.fileno() == -1


def test_the_range_is_its_bounds() -> None:
    pool = PortPool(LOW + 1, LOW + 6)
    pairs = [bound(pool) for _ in range(pool.size)]
    assert [pair.port for pair in pairs] == [LOW + 2, LOW + 4]
    assert pool.bind("127.0.0.1") is None
    for pair in pairs:
        pool.release(pair)


def test_a_port_given_back_waits_behind_all_others() -> None:
    pool = PortPool(LOW, HIGH)
    first = bound(pool)
    pool.release(first)
    others = [bound(pool) for _ in range(pool.size - 1)]
    assert first.port not in [pair.port for pair in others]
    again = bound(pool)
    assert again.port == first.port
    for pair in (*others, again):
        pool.release(pair)


@pytest.mark.parametrize("taken", [LOW, LOW + 1])
def test_ports_of_other_programs_are_passed_over(taken: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", taken))
        pool = PortPool(LOW, LOW + 3)
        pair = bound(pool)
        assert pair.port == LOW + 2
        assert pool.bind("127.0.0.1") is None
        assert pool.in_use == 1
        pool.release(pair)


def test_an_address_that_is_not_ours_binds_nothing() -> None:
    pool = PortPool(LOW, LOW + 4 * MAX_TRIES)
    assert pool.bind("192.0.2.1") is None
    assert pool.in_use == 0


@pytest.mark.parametrize(("low", "high"), [(0, 10), (10, 9), (10, 10), (11, 12), (65534, 65536)])
def test_a_range_without_a_pair_is_an_error(low: int, high: int) -> None:
    with pytest.raises(ValueError, match=str(low)):
        PortPool(low, high)
