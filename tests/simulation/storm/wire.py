"""What passed on the wire, held against RFC 3261: every transaction of the edge's, as client (§17.1) and as server
(§17.2), and every dialog, from nothing but the messages themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tests.simulation.edge import EDGE
from tests.simulation.world import Seen, World
from trunkline.sip.message import Request, Response, parse

T1, T2 = 0.5, 4.0
PATIENCE = 64 * T1
_CLOSE = 0.011
"""Seconds by which times may differ."""


class Line(NamedTuple):
    """A message, when it left or came, and who the peer is."""

    at: float
    peer: str
    message: Request | Response
    data: bytes
    transport: str
    order: int

    @property
    def status(self) -> int:
        return self.message.status if isinstance(self.message, Response) else 0

    @property
    def method(self) -> str:
        return self.message.method if isinstance(self.message, Request) else self.message.cseq_method


Key = tuple[str, str]
"""The branch and the method of a transaction."""
Dialog = tuple[str, str, str]
"""Call-ID, the edge's tag and the peer's."""


class Wire:
    """What the edge said and heard. Each check yields what is wrong."""

    def __init__(self, world: World) -> None:
        self.said = [_line(seen, seen.target[0], n) for n, seen in enumerate(world.seen) if seen.source[0] == EDGE]
        self.heard = [_line(seen, seen.source[0], n) for n, seen in enumerate(world.arrived) if seen.target[0] == EDGE]
        self.asked, self.answers = _by_key(self.said, Request), _by_key(self.heard, Response)
        self.requests, self.replies = _by_key(self.heard, Request), _by_key(self.said, Response)

    def wrong(self, crashes: list[float], ignored: frozenset[str]) -> Iterator[str]:
        """`ignored`: hosts that are not answered, or cannot be. `over`: Call-IDs of calls that a process which died had
        ended; their BYEs may have died with it."""
        for key, sent in self.asked.items():
            if key[1] != "ACK" and sent[0].peer not in ignored:
                yield from self._client(key, sent, crashes)
        for key, heard in self.requests.items():
            if key[1] != "ACK" and heard[0].peer not in ignored:
                yield from self._server(key, heard, crashes)
        yield from self._sequences()
        yield from self._ends(crashes, ignored)

    # ── transactions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _client(self, key: Key, sent: list[Line], crashes: list[float]) -> Iterator[str]:
        """§17.1: how often a request is sent, and until when."""
        method = key[1]
        first = sent[0]
        answers = [line for line in self.answers.get(key, []) if line.peer == first.peer]
        finals = [line for line in answers if line.status >= 200]
        if any(line.data != first.data for line in sent):
            yield f"{key} changed while it was sent again"
        if first.transport != "udp" and len(sent) > 1:
            yield f"{key} was sent again over {first.transport}"
        if len(sent) > (7 if method == "INVITE" else 11):
            yield f"{key} was sent {len(sent)} times"
        gaps = [later.at - earlier.at for earlier, later in pairwise(sent)]
        for n, gap in enumerate(gaps):
            least = T1 * 2**n if method == "INVITE" else min(T1 * 2**n, T2)
            if gap < least - _CLOSE:
                yield f"{key} was sent again after {gap:.3f} s"
        over = (answers if method == "INVITE" else finals)[:1]
        if over and sent[-1].at > over[0].at + _CLOSE:
            yield f"{key} was sent again after its {over[0].status}"
        if method == "INVITE":
            yield from self._acknowledged(key, first, answers, finals, crashes)

    def _acknowledged(
        self, key: Key, first: Line, answers: list[Line], finals: list[Line], crashes: list[float]
    ) -> Iterator[str]:
        """§17.1.1.3 and §13.2.2.4: final answers have their ACK; what was never finally answered was taken back."""
        over = any(line.at - first.at < PATIENCE for line in answers)
        crash = next((at for at in crashes if at >= first.at - _CLOSE), None)
        acks = self.asked.get((key[0], "ACK"), [])
        for final in finals:
            if crash is not None and (final.status < 300 or final.at >= crash - _CLOSE):
                # The ACK of an offer waits for the other side's answer, and may die with it.
                continue
            if final.status >= 300:
                soon = final.at - first.at < PATIENCE
                if (
                    soon
                    and not any(abs(ack.at - final.at) < _CLOSE for ack in acks)
                    and final.status == finals[0].status
                ):
                    yield f"{key}: the {final.status} has no ACK"
            elif (
                not self._hung_up(final)
                and (over or final.at - first.at < PATIENCE)
                and not any(self._acks(final, line) for line in self.said)
            ):
                yield f"{key}: the 200 of {final.message.to_tag} has no ACK"
        first_of_call = first.message.to_tag is None
        if first_of_call and answers and not finals and crash is None and (key[0], "CANCEL") not in self.asked:
            yield f"{key} was left ringing"

    def _hung_up(self, final: Line) -> bool:
        """Whether the peer itself ended the dialog that its 2xx is of."""
        theirs = final.message
        return any(
            isinstance(line.message, Request)
            and line.method == "BYE"
            and (line.message.call_id, line.message.from_tag) == (theirs.call_id, theirs.to_tag)
            for line in self.heard
        )

    def _acks(self, final: Line, line: Line) -> bool:
        ours = line.message
        return (
            isinstance(ours, Request)
            and ours.method == "ACK"
            and ours.call_id == final.message.call_id
            and ours.to_tag == final.message.to_tag
            and ours.cseq == final.message.cseq
        )

    def _server(self, key: Key, heard: list[Line], crashes: list[float]) -> Iterator[str]:
        """§17.2: one final answer, nothing else after it, and no more of it once it was acknowledged."""
        method = key[1]
        replies = [line for line in self.replies.get(key, []) if line.peer == heard[0].peer]
        finals = [line for line in replies if line.status >= 200]
        crashed = any(at >= heard[0].at - _CLOSE for at in crashes)
        if crashed:
            return
        if not finals:
            yield f"{key} from {heard[0].peer} was never answered"
            return
        # Without state each copy of a request is answered anew (§8.2.7), and may find that things have changed.
        stateless = any(abs(finals[0].at - h.at) < 1e-6 for h in heard) and not any(
            r.status == 100 for r in replies[:1]
        )
        if stateless:
            if len(finals) > len(heard) and method != "INVITE":
                yield f"{key}: {len(finals)} answers to {len(heard)} requests"
            return
        if len({line.status for line in finals}) > 1:
            yield f"{key} has several answers: {sorted({line.status for line in finals})}"
        if any(line.status < 200 and line.order > finals[0].order for line in replies):
            yield f"{key}: a provisional answer came after the final one"
        if method != "INVITE":
            if len(finals) > len(heard):
                yield f"{key}: {len(finals)} answers to {len(heard)} requests"
            return
        if len({line.data for line in finals}) > 1:
            yield f"{key}: its answer changed while it was sent again"
        acks = [line for line in self.heard if isinstance(line.message, Request) and _ack_of(line, finals[0])]
        if acks and any(line.at > acks[0].at + _CLOSE for line in finals):
            yield f"{key}: its {finals[0].status} was sent again after the ACK"
        if finals[-1].at > finals[0].at + PATIENCE + _CLOSE:
            yield f"{key}: its {finals[0].status} was still sent after {finals[-1].at - finals[0].at:.1f} s"

    # ── dialogs ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sequences(self) -> Iterator[str]:
        """§12.2.1.1: the numbers of our requests rise, and nothing but ACK follows our BYE."""
        latest: dict[Dialog, tuple[int, str]] = {}
        seen: set[Key] = set()
        left: set[Dialog] = set()
        for line in self.said:
            ours = line.message
            if not isinstance(ours, Request) or ours.method in ("ACK", "CANCEL") or ours.to_tag is None:
                continue
            key = _key(line)
            if key in seen:
                continue
            seen.add(key)
            dialog = (ours.call_id, ours.from_tag or "", ours.to_tag)
            if dialog in latest and ours.cseq <= latest[dialog][0]:
                yield f"{ours.method} of {dialog}: CSeq {ours.cseq} after {latest[dialog]}"
            latest[dialog] = (ours.cseq, ours.method)
            if dialog in left and ours.method not in ("BYE", "NOTIFY"):
                yield f"{ours.method} in {dialog}, after BYE"
            if ours.method == "BYE":
                left.add(dialog)

    def _ends(self, crashes: list[float], ignored: frozenset[str]) -> Iterator[str]:
        """Every dialog that was confirmed is ended by somebody; after a crash by the next process, at once."""
        begun: dict[Dialog, float] = {}
        ended: dict[Dialog, float] = {}
        for line in self.said:
            ours = line.message
            if line.peer in ignored:
                continue
            if isinstance(ours, Response) and line.method == "INVITE" and 200 <= ours.status < 300:
                begun.setdefault((ours.call_id, ours.to_tag or "", ours.from_tag or ""), line.at)
            if isinstance(ours, Request) and ours.method == "BYE":
                ended.setdefault((ours.call_id, ours.from_tag or "", ours.to_tag or ""), line.at)
        for line in self.heard:
            theirs = line.message
            if line.peer in ignored:
                continue
            if isinstance(theirs, Response) and line.method == "INVITE" and 200 <= theirs.status < 300:
                if not any(at <= line.at for at in crashes) or _begun_after(theirs, self.said, crashes, line.at):
                    begun.setdefault((theirs.call_id, theirs.from_tag or "", theirs.to_tag or ""), line.at)
            if isinstance(theirs, Request) and theirs.method == "BYE":
                dialog = (theirs.call_id, theirs.to_tag or "", theirs.from_tag or "")
                ended[dialog] = min(line.at, ended.get(dialog, line.at))
        for dialog, at in begun.items():
            if dialog not in ended:
                yield f"the dialog {dialog} was never ended"
                continue
            crash = next((each for each in crashes if each > at), None)
            if crash is not None and ended[dialog] > crash + 1.0:
                yield f"the dialog {dialog} outlived the crash at {crash - 100:.3f}"


def _begun_after(response: Response, said: list[Line], crashes: list[float], at: float) -> bool:
    """Whether the INVITE that this answers was sent by the process that is there now."""
    last = max(crash for crash in crashes if crash <= at)
    branch = response.via.branch
    return any(
        line.at >= last and isinstance(line.message, Request) and line.message.via.branch == branch for line in said
    )


def _line(seen: Seen, peer: str, order: int) -> Line:
    message = parse(seen.data)
    assert isinstance(message, Request | Response)
    return Line(seen.at, peer, message, seen.data, seen.transport, order)


def _key(line: Line) -> Key:
    return (line.message.via.branch or "", line.method)


def _by_key(lines: list[Line], kind: type[Request] | type[Response]) -> dict[Key, list[Line]]:
    found: dict[Key, list[Line]] = defaultdict(list)
    for line in lines:
        if isinstance(line.message, kind):
            found[_key(line)].append(line)
    return found


def _ack_of(line: Line, final: Line) -> bool:
    """Whether this is the ACK of our final answer to an INVITE."""
    ours, theirs = final.message, line.message
    return (
        line.method == "ACK"
        and theirs.call_id == ours.call_id
        and theirs.cseq == ours.cseq
        and theirs.to_tag == ours.to_tag
        and line.peer == final.peer
    )
