from __future__ import annotations

import pytest
from hypothesis import given

from tests.sdp.offers import ORDINARY, description, mangled, offers
from trunkline.sdp.description import MAX_BYTES, MAX_LINES, MAX_MEDIA, Connection, Origin, parse
from trunkline.sdp.errors import SdpError


@given(offers())
def test_an_untouched_description_is_the_same_bytes(sdp: bytes) -> None:
    assert parse(sdp).encode() == sdp


@given(mangled)
def test_garbage_raises_nothing_but_the_refusal(data: bytes) -> None:
    try:
        found = parse(data)
    except SdpError:
        return
    assert found.encode() == data
    for section in found.media:
        found.direction(section)
        assert section.ptime is None or 0 < section.ptime < 10000
        assert section.formats
        try:
            found.connection_of(section)
        except SdpError:
            continue


def test_typed_access() -> None:
    found = parse(ORDINARY)
    assert found.origin == Origin("alice", "2890844526", "2890844527", "IP4", "192.0.2.10")
    assert found.connection == "IN IP4 192.0.2.10"
    assert found.name == "-"
    assert found.timing == ["0 0"]
    (audio,) = found.media
    assert (audio.kind, audio.port, audio.protocol) == ("audio", 49170, "RTP/AVP")
    assert audio.formats == ["18", "0", "8", "101"]
    assert audio.encodings()["101"] == "telephone-event/8000"
    assert audio.parameters("18") == "annexb=no"
    assert audio.parameters("0") is None
    assert audio.ptime == 20
    assert found.direction(audio) == "sendrecv"
    assert found.connection_of(audio) == Connection("IP4", "192.0.2.10")


def test_keys_and_candidates_are_found() -> None:
    sdp = description(
        "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\n"
        "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host"
    )
    (audio,) = parse(sdp).media
    assert audio.secure
    assert audio.crypto == ["1 AES_CM_128_HMAC_SHA1_80 inline:abc"]
    assert audio.candidates == ["1 1 UDP 1 192.0.2.1 4000 typ host"]


def test_a_section_overrides_the_session() -> None:
    sdp = description(
        "m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::9\na=recvonly", "m=audio 4002 RTP/AVP 0", session=("a=inactive",)
    )
    found = parse(sdp)
    first, second = found.media
    assert found.direction(first) == "recvonly"
    assert found.direction(second) == "inactive"
    assert found.connection_of(first) == Connection("IP6", "2001:db8::9")
    assert found.connection_of(second) == Connection("IP4", "192.0.2.10")


def test_multicast_ttl_is_no_part_of_the_address() -> None:
    found = parse(description("m=audio 4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127/3"))
    assert found.connection_of(found.media[0]).address == "224.2.1.1"


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (b"", "v=0"),
        (b"v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n", "v=0"),
        (b"v=0\r\ns=-\r\n", "no o= line"),
        (b"v=0\r\no=- 1 1 IN IP4 a\r\no=- 1 1 IN IP4 b\r\n", "more than one o="),
        (ORDINARY + b"rubbish\r\n", "line 15"),
        (ORDINARY.replace(b"s=-", b"s=a\rm=audio 1 RTP/AVP 0"), "line 3"),
        (ORDINARY.replace(b"s=-", b"s=\0"), "line 3"),
        (ORDINARY.replace(b"s=-", b""), "line 3"),
        (description("m=audio 4000 RTP/AVP"), "m= line"),
        (description("m=audio x RTP/AVP 0"), "m= line"),
        (description("m=audio 70000 RTP/AVP 0"), "70000"),
        (description("m=audio \u0664 RTP/AVP 0"), "m= line"),
        (description("m=audio 1 RTP/AVP " + " ".join(["0"] * 300)), "formats"),
    ],
)
def test_what_is_wrong_is_said(broken: bytes, word: str) -> None:
    with pytest.raises(SdpError) as raised:
        parse(broken)
    assert word in str(raised.value)
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "large",
    [
        ORDINARY + b"a=x:" + b"y" * MAX_BYTES + b"\r\n",
        ORDINARY + b"a=x\r\n" * MAX_LINES,
        ORDINARY + b"m=audio 1 RTP/AVP 0\r\n" * MAX_MEDIA,
    ],
)
def test_what_is_too_large_is_413(large: bytes) -> None:
    with pytest.raises(SdpError) as raised:
        parse(large)
    assert raised.value.status == 413


def test_empty_lines_at_the_end_are_borne() -> None:
    sdp = ORDINARY + b"\r\n\r\n"
    assert parse(sdp).encode() == sdp


def test_an_origin_without_its_fields_is_told_only_to_who_asks() -> None:
    found = parse(description("m=audio 4000 RTP/AVP 0", origin="-"))
    with pytest.raises(SdpError):
        _ = found.origin
