"""Offers and answers of our own, for media that ends in this process (RFC 3264).

An answer takes the first audio section that can be spoken, one voice codec of it and its telephone-event, under the
offer's payload types; every other section is answered in its place with port 0. There is no SRTP here yet, so a section
with an SRTP profile cannot be spoken; who says nothing may offer one all the same, with a key (RFC 4568).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from trunkline.sdp.codec import TELEPHONE_EVENT, VOICE, Codec, identify
from trunkline.sdp.description import Description
from trunkline.sdp.errors import SdpError
from trunkline.sdp.media import Direction, Media
from trunkline.sdp.refusal import Refusal, listed, refuse, refuse_answer, refuse_malformed
from trunkline.sdp.relay import spoken

PROFILES = frozenset({"RTP/AVP", "RTP/AVPF"})
_SUITE = "AES_CM_128_HMAC_SHA1_80"
OUR_EVENT = 101
"""The payload type we offer telephone-event under."""
_DISCARD = 9
"""The port where nobody listens (RFC 863)."""
_EVENTS = re.compile(r"[0-9][0-9,-]{0,60}")
_DEFAULT_EVENTS = "0-16"
_MIRROR: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


class Agreed(NamedTuple):
    """What both ends settled on."""

    codec: Codec | None
    """None: no section is in use, nothing flows."""
    payload_types: frozenset[int]
    """Those the peer may send."""
    event: int | None
    """telephone-event's payload type."""
    direction: Direction
    """Ours."""
    ptime: int | None = None
    """Milliseconds a packet, as the peer asked."""


class Choice(NamedTuple):
    """What an answer will take of an offer; `describe` writes it once the port is known."""

    offer: Description
    section: int
    """Index of the section that is taken, -1 for none."""
    payload_type: int
    agreed: Agreed

    def describe(self, address: str, port: int) -> Description:
        """The answer, its o= line still empty, with media at this literal address and even port."""
        media: list[Media] = []
        for index, section in enumerate(self.offer.media):
            if index == self.section:
                media.append(_audio(section.protocol, port, self._formats(section), self.agreed))
            else:
                media.append(Media([section.line(port=0).rstrip("\r")]))
        return _session(address, self.offer.timing or ["0 0"], media)

    def _formats(self, section: Media) -> list[tuple[int, Codec, str | None]]:
        assert self.agreed.codec is not None
        formats: list[tuple[int, Codec, str | None]] = [(self.payload_type, self.agreed.codec, None)]
        if self.agreed.event is not None:
            events = section.parameters(str(self.agreed.event)) or ""
            formats.append(
                (self.agreed.event, TELEPHONE_EVENT, events if _EVENTS.fullmatch(events) else _DEFAULT_EVENTS)
            )
        return formats


def choose(offer: Description, codecs: Sequence[str], address: str) -> Choice | Refusal:
    """What to take of an offer.

    `codecs`: those that may be used, best first; empty for all, in the offer's order. `address`: the literal that media
    will come from; a peer of the other IP version cannot be reached from it.
    """
    used = [section for section in offer.media if section.port]
    if not used:
        return Choice(offer, -1, -1, Agreed(None, frozenset(), None, "inactive"))
    plain = [section for section in used if section.kind == "audio" and section.protocol in PROFILES]
    if not plain:
        secure = any(section.secure for section in used)
        if secure or any(section.kind == "audio" for section in used):
            reason = "media-encryption" if secure else "media-type"
            return refuse(488, 302, reason, "Incompatible transport protocol: only RTP/AVP is spoken here, "
                          f"offered {listed(section.protocol for section in used)}")  # fmt: skip
        return refuse(488, 304, "media-type", "Media type not available: only RTP audio is spoken here, "
                      f"offered {listed(section.kind for section in used)}")  # fmt: skip
    for section in plain:
        found = _first(section, codecs)
        if found is None:
            continue
        try:
            connection = offer.connection_of(section)
        except SdpError as error:
            return refuse_malformed(error)
        if connection.address_type != _address_type(address):
            return refuse(488, 301, "network-address", "Incompatible network address format: media is at "
                          f"{_address_type(address)} here, offered {connection.address_type}")  # fmt: skip
        direction = offer.direction(section)
        if direction == "sendrecv" and connection.address in ("0.0.0.0", "::"):
            direction = "sendonly"  # The way to hold before RFC 3264, whose §8.4 keeps it.
        payload_type, codec = found
        event = _event(section)
        numbers = {payload_type} if event is None else {payload_type, event}
        agreed = Agreed(codec, frozenset(numbers), event, _MIRROR[direction], section.ptime)
        return Choice(offer, offer.media.index(section), payload_type, agreed)
    return refuse(488, 305, "no-common-codec", f"Incompatible media format: allowed {listed(codecs or VOICE)}; "
                  f"offered {spoken(plain)}")  # fmt: skip


def silent(offer: Description) -> Description:
    """The answer of who is there and neither speaks nor listens yet; its o= line still empty. Audio that could be
    spoken here is inactive, at no address; all else is rejected."""
    for address in ("0.0.0.0", "::"):
        choice = choose(offer, (), address)
        if isinstance(choice, Choice):
            return choice._replace(agreed=choice.agreed._replace(direction="inactive")).describe(address, _DISCARD)
    return Choice(offer, -1, -1, Agreed(None, frozenset(), None, "inactive")).describe("0.0.0.0", _DISCARD)


def our_offer(codecs: Sequence[str], address: str, port: int, key: str = "") -> Description:
    """One audio section with these codecs, all of ours when empty, and telephone-event; its o= line still empty. `key`:
    what SRTP would be sent with, in base64 (RFC 4568 §6.1); plain RTP without."""
    voices = [VOICE[name] for name in codecs or VOICE if name in VOICE]
    formats: list[tuple[int, Codec, str | None]] = [
        (codec.static, codec, None) for codec in voices if codec.static is not None
    ]
    formats.append((OUR_EVENT, TELEPHONE_EVENT, _DEFAULT_EVENTS))
    agreed = Agreed(None, frozenset(), None, "sendrecv", 20)
    section = _audio("RTP/SAVP" if key else "RTP/AVP", port, formats, agreed)
    if key:
        section = Media([*section.lines, f"a=crypto:1 {_SUITE} inline:{key}"])
    return _session(address, ["0 0"], [section])


def take_answer(answer: Description, offer: Description) -> Agreed | Refusal:
    """What an answer made of `our_offer`."""
    if len(answer.media) != len(offer.media) or answer.media[0].kind != "audio":
        return refuse_answer("The answer has other media sections than its offer")
    section, asked = answer.media[0], offer.media[0]
    if not section.port:
        return refuse_answer("The answer rejects the only media section")
    if section.protocol not in PROFILES if asked.protocol in PROFILES else section.protocol != asked.protocol:
        return refuse_answer(f"The answer changes the profile to {section.protocol[:32]}")
    if asked.secure and not section.attribute("crypto"):
        return refuse_answer("The answer has no key")
    meant, encodings = asked.encodings(), section.encodings()
    numbers: list[int] = []
    voice: Codec | None = None
    event: int | None = None
    for number in section.formats:
        codec = identify(number, encodings.get(number) or meant.get(number))
        if codec is None or number not in asked.formats or codec is not identify(number, meant.get(number)):
            continue
        numbers.append(int(number))
        if codec is TELEPHONE_EVENT:
            event = int(number)
        elif voice is None:
            voice = codec
    if voice is None:
        return refuse_answer(f"The answer uses nothing of what was offered ({spoken(offer.media)})")
    return Agreed(voice, frozenset(numbers), event, _MIRROR[answer.direction(section)], section.ptime)


def _first(section: Media, codecs: Sequence[str]) -> tuple[int, Codec] | None:
    encodings = section.encodings()
    found: dict[str, tuple[int, Codec]] = {}
    for number in section.formats:
        codec = identify(number, encodings.get(number))
        if codec is not None and codec.name in VOICE and codec.name not in found and _payload_type(number):
            found[codec.name] = (int(number), codec)
    for name in codecs or found:
        if name in found:
            return found[name]
    return None


def _event(section: Media) -> int | None:
    encodings = section.encodings()
    for number in section.formats:
        codec = identify(number, encodings.get(number))
        if codec is TELEPHONE_EVENT and _payload_type(number):
            return int(number)
    return None


def _payload_type(number: str) -> bool:
    """Whether a format is a payload type: 0 to 127, written without leading zeros."""
    return number.isdigit() and number == str(int(number[:4])) and int(number) < 128


def _address_type(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _audio(protocol: str, port: int, formats: list[tuple[int, Codec, str | None]], agreed: Agreed) -> Media:
    lines = [f"m=audio {port} {protocol} {' '.join(str(number) for number, _, _ in formats)}"]
    for number, codec, parameters in formats:
        lines.append(f"a=rtpmap:{number} {codec.encoding}")
        if parameters is not None:
            lines.append(f"a=fmtp:{number} {parameters}")
    if agreed.ptime is not None:
        lines.append(f"a=ptime:{agreed.ptime}")
    lines.append(f"a={agreed.direction}")
    return Media(lines)


def _session(address: str, timing: list[str], media: list[Media]) -> Description:
    lines = ["v=0", "o=", "s=-", f"c=IN {_address_type(address)} {address}", *(f"t={value}" for value in timing)]
    if media:
        media[-1] = Media([*media[-1].lines, ""])
    else:
        lines.append("")
    return Description(lines, media, "\r\n", 1)
