"""A call's messages as people read them: a ladder of arrows between caller, edge and agent, then each message."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from trunkline.control.ports import CallTrace, TraceMessage

_GAP = 38
_TIME = 10


def first_line(text: str) -> str:
    """What a message is: its method or its status, with the CSeq's method for an answer."""
    head, _, rest = text.partition("\n")
    words = head.strip().split(" ", 2)
    if words[0].startswith("SIP/2.0"):
        answer = " ".join(words[1:])
        method = _cseq_method(rest.splitlines())
        return f"{answer} ({method})" if method else answer
    return words[0]


def ladder(trace: CallTrace) -> str:
    """Plain text, ending with a newline."""
    lines = [_heading(trace.messages)] if trace.messages else ["No messages are kept."]
    begin = trace.messages[0].at if trace.messages else 0.0
    lines += [_rung(message, begin) for message in trace.messages]
    if trace.truncated:
        lines.append("… later messages were not kept")
    for number, message in enumerate(trace.messages, 1):
        at = datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        arrow = "<-" if message.direction == "in" else "->"
        lines += ["", f"#{number} {at} {message.transport} {message.local} {arrow} {message.remote}"]
        lines += ["  " + line for line in message.text.splitlines()]
    return "\n".join(lines) + "\n"


def _cseq_method(lines: Iterable[str]) -> str:
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "cseq":
            return value.split()[-1] if value.split() else ""
        if not line.strip():
            break
    return ""


def _heading(messages: Iterable[TraceMessage]) -> str:
    peers: dict[str, str] = {}
    for message in messages:
        peers.setdefault(message.side, f"{message.transport}:{message.remote}")
    caller, agent = peers.get("caller", ""), peers.get("agent", "")
    titles = " " * _TIME + "caller".ljust(_GAP) + "edge".ljust(_GAP) + "agent"
    return f"{titles}\n{' ' * _TIME}{caller.ljust(2 * _GAP)}{agent}".rstrip()


def _rung(message: TraceMessage, begin: float) -> str:
    what = first_line(message.text)[: _GAP - 6]
    dashes = "-" * (_GAP - 5 - len(what))
    # Towards the right: from the caller to the edge, and from the edge to the agent.
    rightward = (message.direction == "in") == (message.side == "caller")
    arrow = f"{what} {dashes}->" if rightward else f"<-{dashes} {what}"
    offset = _TIME + (0 if message.side == "caller" else _GAP)
    return f"{message.at - begin:8.3f}".ljust(offset) + arrow
