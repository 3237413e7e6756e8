"""The media room: performs `OpenMedia` and `CloseMedia`, and tells what came of it by posting inputs to the core.

Opening waits for nothing, so the answer is posted before `open` returns.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

from trunkline.call.inputs import Input, MediaFailed, MediaReady
from trunkline.call.outputs import CloseMedia, OpenMedia
from trunkline.media.echo import Echo
from trunkline.media.ports import PortPool
from trunkline.media.session import EchoSession
from trunkline.sdp.description import Description, parse
from trunkline.sdp.errors import SdpError
from trunkline.sdp.offer_answer import Agreed, Choice, choose, our_offer, take_answer
from trunkline.sdp.origin import OurOrigin
from trunkline.sdp.refusal import Refusal, refuse_answer, refuse_malformed
from trunkline.sip.flow import Flow

_KEY = 30
"""Bytes of a master key and its salt (RFC 4568 §6.2)."""


def own_address(flow: Flow) -> str:
    """Media is advertised where the caller's signalling arrived."""
    return flow.local[0]


class MediaRoom:
    """All legs that end in this process. Call it from the event loop only."""

    __slots__ = ("_advertise", "_host", "_post", "_sessions", "ports", "silence")

    def __init__(
        self,
        post: Callable[[Input], None],
        ports: PortPool,
        *,
        silence: float = 30.0,
        host: str | None = None,
        advertise: Callable[[Flow], str] = own_address,
    ) -> None:
        """`silence`: seconds without a packet after which a peer that should send is hung up. `host`: the literal
        address that sockets are bound to; None: the one the caller's signalling arrived at. `advertise`: the literal
        address for the SDP of a call that came by a flow."""
        self._post = post
        self.ports = ports
        self.silence = silence
        self._host = host
        self._advertise = advertise
        self._sessions: dict[str, EchoSession] = {}

    def __len__(self) -> int:
        """Legs with open media."""
        return len(self._sessions)

    def open(self, wish: OpenMedia) -> None:
        """Open a leg's media or change it. Posts one `MediaReady` or `MediaFailed`; after a failure what was open
        before stays as it was."""
        result = self._open(wish)
        if isinstance(result, Refusal):
            result = MediaFailed(wish.leg, result.status, result.detail, result.warning)
        self._post(result)

    def close(self, wish: CloseMedia) -> None:
        """Release a leg's ports. A leg without media is none."""
        session = self._sessions.pop(wish.leg, None)
        if session is not None:
            session.close()
            self.ports.release(session.ports)

    def stop(self) -> None:
        """Close everything."""
        for leg in list(self._sessions):
            self.close(CloseMedia(leg))

    def _open(self, wish: OpenMedia) -> MediaReady | MediaFailed | Refusal:
        if wish.kind not in ("echo", "silence", "secure-silence"):
            return MediaFailed(wish.leg, 500, f"no agent of kind {wish.kind} is built in")
        session = self._sessions.get(wish.leg)
        if wish.answer is not None:
            return self._finish(wish, session, wish.answer)
        choice: Choice | None = None
        if wish.offer is not None:
            address = session.address if session is not None else self._advertise(wish.local)
            chosen = _choose(wish.offer, wish.codecs, address)
            if isinstance(chosen, Refusal):
                return chosen
            choice = chosen
        if session is None:
            session = self._bind(wish)
            if session is None:
                return MediaFailed(wish.leg, 503, "no media port is free")
            self._sessions[wish.leg] = session
        port = session.ports.port
        if choice is None:
            key = base64.b64encode(secrets.token_bytes(_KEY)).decode() if wish.kind == "secure-silence" else ""
            session.offered = our_offer(wish.codecs, session.address, port, key)
            return MediaReady(wish.leg, session.origin.stamp(session.offered))
        session.agree(_heard_only(wish, choice.agreed), wish.offer or b"")
        answer = session.origin.stamp(choice.describe(session.address, port))
        return MediaReady(wish.leg, answer, _name(choice.agreed))

    def _finish(self, wish: OpenMedia, session: EchoSession | None, answer: bytes) -> MediaReady | Refusal:
        if session is None or session.offered is None:
            return refuse_answer("An answer came where nothing was offered")
        agreed = _take(answer, session.offered)
        if isinstance(agreed, Refusal):
            return agreed
        session.agree(_heard_only(wish, agreed), answer)
        return MediaReady(wish.leg, b"", _name(agreed))

    def _bind(self, wish: OpenMedia) -> EchoSession | None:
        pair = self.ports.bind(self._host or wish.local.local[0])
        if pair is None:
            return None
        chance = secrets.token_bytes(10)
        echo = Echo(
            int.from_bytes(chance[:4], "big"), int.from_bytes(chance[4:6], "big"), int.from_bytes(chance[6:], "big")
        )
        address = self._advertise(wish.local)
        origin = OurOrigin(secrets.randbits(62), address)
        return EchoSession(wish.leg, pair, address, echo, origin, self.silence, self._post)


def _heard_only(wish: OpenMedia, agreed: Agreed) -> Agreed:
    """Who keeps a telephone waiting hears it and says nothing, whatever was agreed."""
    return agreed if wish.kind == "echo" else agreed._replace(direction="recvonly")


def _choose(offer: bytes, codecs: tuple[str, ...], address: str) -> Choice | Refusal:
    try:
        return choose(parse(offer), codecs, address)
    except SdpError as error:
        return refuse_malformed(error)


def _take(answer: bytes, offer: Description) -> Agreed | Refusal:
    try:
        return take_answer(parse(answer), offer)
    except SdpError as error:
        return refuse_answer(f"The answer cannot be read: {error}")


def _name(agreed: Agreed) -> str:
    return "" if agreed.codec is None else agreed.codec.name
