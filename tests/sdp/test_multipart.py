from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sdp.offers import ORDINARY
from trunkline.sdp.multipart import find_sdp

MIXED = (
    b"preamble\r\n--b-1\r\nContent-Type: application/isup; version=itu\r\n\r\n\x01\x02\r\n"
    b"--b-1\r\nContent-Disposition: session\r\ncontent-type : Application/SDP;x=y\r\n\r\n" + ORDINARY + b"\r\n"
    b"--b-1--\r\n"
)


def described(content_type: str | None, body: bytes) -> bytes | None:
    span = find_sdp(content_type, body)
    return None if span is None else body[span.start : span.end]


@pytest.mark.parametrize("content_type", ["application/sdp", "Application/SDP ; charset=utf-8"])
def test_a_body_of_its_type_is_all_sdp(content_type: str) -> None:
    assert described(content_type, ORDINARY) == ORDINARY


def test_a_body_without_type_is_known_by_its_beginning() -> None:
    assert described(None, ORDINARY) == ORDINARY
    assert find_sdp(None, b"hello") is None
    assert find_sdp("text/plain", ORDINARY) is None
    assert find_sdp("application/sdp", b"") is None


@pytest.mark.parametrize("content_type", ["multipart/mixed;boundary=b-1", 'Multipart/Mixed; Boundary = "b-1"; x=y'])
@pytest.mark.parametrize("body", [MIXED, MIXED.removeprefix(b"preamble\r\n"), MIXED.replace(b"\r\n", b"\n")])
def test_sdp_is_found_among_parts(content_type: str, body: bytes) -> None:
    span = find_sdp(content_type, body)
    assert span is not None
    found = body[span.start : span.end]
    assert found.replace(b"\r\n", b"\n") == ORDINARY.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b-1",
        b"--b-1--\r\n",
        b"--b-1\r\n\r\nv=0\r\n--b-1--",
        b"--b-1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
        b"--b-1\r\nContent-Type: text/plain\r\n\r\nv=0\r\n--b-1--",
        b"--b-1\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 100,
    ],
)
def test_where_there_is_none_none_is_found(body: bytes) -> None:
    assert find_sdp("multipart/mixed;boundary=b-1", body) is None


def test_a_multipart_without_boundary_is_none() -> None:
    assert find_sdp("multipart/mixed", MIXED) is None


@given(st.text(max_size=80), st.binary(max_size=400))
def test_garbage_is_borne(parameters: str, body: bytes) -> None:
    for content_type in (parameters, "multipart/mixed;boundary=" + parameters, "multipart/mixed;boundary=-"):
        span = find_sdp(content_type, body)
        assert span is None or 0 <= span.start <= span.end <= len(body)
