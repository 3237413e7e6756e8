"""Descriptions as phones, carriers and careless stacks write them."""

from __future__ import annotations

from hypothesis import strategies as st

ORDINARY = (
    b"v=0\r\n"
    b"o=alice 2890844526 2890844527 IN IP4 192.0.2.10\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.10\r\n"
    b"t=0 0\r\n"
    b"m=audio 49170 RTP/AVP 18 0 8 101\r\n"
    b"a=rtpmap:18 G729/8000\r\n"
    b"a=fmtp:18 annexb=no\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\n"
    b"a=ptime:20\r\n"
    b"a=sendrecv\r\n"
)


def description(*media: str, session: tuple[str, ...] = (), origin: str = "- 1 1 IN IP4 192.0.2.10") -> bytes:
    """A description with these media sections, each its lines joined by LF."""
    lines = ["v=0", f"o={origin}", "s=-", "c=IN IP4 192.0.2.10", "t=0 0", *session]
    for section in media:
        lines += section.split("\n")
    return ("\r\n".join(lines) + "\r\n").encode()


_ENCODINGS = st.sampled_from(
    [
        "PCMU/8000", "pcmu/8000", "PCMA/8000/1", "PcMa/8000", "G722/8000", "G722/16000", "G729/8000", "opus/48000/2",
        "telephone-event/8000", "TELEPHONE-EVENT/8000", "telephone-event/48000", "CN/8000", "CN/16000", "red/8000",
        "PCMU/16000", "G7221/16000", "L16/8000", "", "/", "x",
    ]
)  # fmt: skip
_PAYLOAD_TYPES = st.one_of(
    st.sampled_from(["0", "8", "9", "13", "18", "96", "97", "101", "127"]),
    st.integers(0, 140).map(str),
    st.sampled_from(["00", "08", "4294967296", "t38", "*"]),
)
_PORTS = st.sampled_from(["49170", "49170/2", "0", "1", "65535"])
_OTHER_LINES = st.lists(
    st.sampled_from(
        [
            "a=ptime:20", "a=sendrecv", "a=sendonly", "a=inactive", "a=recvonly", "a=mid:1", "a=rtcp:53020", "b=AS:64",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
            "a=candidate:1 1 UDP 2130706431 192.0.2.10 49170 typ host", "a=rtpmap:", "a=fmtp:", "a=rtpmap:0", "y=what",
            "a=bundle-only", "c=IN IP4 198.51.100.7", "a=x-ünknown:ÿ", "i=",
        ]
    ),
    max_size=4,
)  # fmt: skip


@st.composite
def audio_sections(draw: st.DrawFn) -> list[str]:
    formats = draw(st.lists(_PAYLOAD_TYPES, min_size=1, max_size=8))
    profile = draw(st.sampled_from(["RTP/AVP", "RTP/AVP", "RTP/AVP", "RTP/SAVP", "RTP/AVPF", "UDP/TLS/RTP/SAVPF"]))
    lines = [f"m=audio {draw(_PORTS)} {profile} {' '.join(formats)}"]
    mapped = draw(st.lists(st.one_of(st.sampled_from(formats), _PAYLOAD_TYPES), max_size=8))
    lines += [f"a=rtpmap:{number} {draw(_ENCODINGS)}" for number in mapped]
    lines += [f"a=fmtp:{number} 0-15" for number in draw(st.lists(_PAYLOAD_TYPES, max_size=3))]
    lines += draw(_OTHER_LINES)
    return lines


_OTHER_SECTIONS = st.sampled_from(
    [
        ["m=video 51372 RTP/AVP 31 99", "a=rtpmap:99 H264/90000", "a=fmtp:99 profile-level-id=42e01f"],
        ["m=video 0 RTP/AVP 31"],
        ["m=image 4000 udptl t38", "a=T38FaxVersion:0"],
        ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2"],
        ["m=message 2855 TCP/MSRP *"],
    ]
)


@st.composite
def offers(draw: st.DrawFn) -> bytes:
    """Well-formed descriptions, sensible or not."""
    end = draw(st.sampled_from(["\r\n", "\r\n", "\n"]))
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.10", "s=" + draw(st.sampled_from(["-", "", " ", "Gespräch"]))]
    if draw(st.booleans()):
        lines.append(draw(st.sampled_from(["c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0", "c=IN IP6 2001:db8::1"])))
    lines.append("t=0 0")
    lines += draw(st.sampled_from([[], ["a=sendonly"], ["a=group:BUNDLE 1 2"], ["X=7", "a=x"]]))
    for section in draw(st.lists(st.one_of(audio_sections(), audio_sections(), _OTHER_SECTIONS), max_size=4)):
        lines += section
    text = end.join(lines) + draw(st.sampled_from([end, "", end + end]))
    if end == "\r\n" and draw(st.integers(0, 9)) == 0:
        text = text.replace("\r\n", "\n", 1)
    return text.encode("utf-8", "surrogateescape")


mangled = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=300).map(lambda tail: b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n" + tail),
    st.builds(
        lambda sdp, at, junk: sdp[: at % (len(sdp) + 1)] + junk + sdp[at % (len(sdp) + 1) :],
        offers(),
        st.integers(0, 4000),
        st.binary(min_size=1, max_size=4),
    ),
)
"""Bytes that are mostly no description."""
