"""What is to be said of a call of ours that is over, and whether it was a success."""

from __future__ import annotations

import re
import shlex
from typing import Literal, NamedTuple

from trunkline.call.leg.events import Failed
from trunkline.commands.placing import Outcome, Plan
from trunkline.commands.terminal import fit
from trunkline.media.sounding import Report
from trunkline.sip.flow import Flow, host_port

Expected = Literal["echo", "audio", "answer"]

LEAST = 0.9
"""The share of our audio that must come back for it to count as back."""

_ADVICE = {
    401: "Give --user and --password, as the trunk has them.",
    407: "Give --user and --password, as the trunk has them.",
    408: "Nobody took the call in time.",
    486: "It is busy: try again.",
    487: "The call was ended before it was answered.",
    488: "Offer what it takes, with --codec.",
    503: "It takes no calls now: try again, and look at /readyz of the edge.",
    600: "It is busy: try again.",
}
_WARNING = re.compile(r'\d{3} \S+ "(.*)"')
_ASK_WHY = frozenset({403, 404, 480, 484, 604})


class Verdict(NamedTuple):
    good: bool
    lines: tuple[str, ...]


def verdict(outcome: Outcome, plan: Plan, expected: Expected) -> Verdict:
    """`lines` say all, the first with its ✓ or ✗."""
    good, lines = _audio(outcome, expected) if outcome.set_up is not None else (False, _unanswered(outcome, plan))
    if outcome.interrupted:
        good, lines = False, ["✗ You ended the call."]
    elif outcome.set_up is not None and outcome.hung_up:
        lines.append("  The other side hung up first.")
    if not outcome.parted:
        lines.append("  It did not confirm the end of the call.")
    return Verdict(good, tuple(lines))


def _unanswered(outcome: Outcome, plan: Plan) -> list[str]:
    where = _where(outcome.flow)
    if outcome.silent:
        return [
            f"✗ Nothing answers at {where}.",
            "  Is the edge running (`trunkline serve --demo`), and is this its address (--to HOST:PORT, --transport)?",
        ]
    if outcome.unanswered:
        return [f"✗ Nobody answered within {plan.patience:g} s.", "  Wait longer with --timeout SECONDS."]
    if outcome.failed is not None:
        return _failed(outcome.failed, outcome.flow, plan)
    return ["✗ The call ended before it was answered."]


def _failed(failed: Failed, flow: Flow | None, plan: Plan) -> list[str]:
    phrase = fit(failed.phrase)
    if failed.cause == "unresolvable":
        return [f"✗ {fit(failed.reason)}.", "  Say where to call with --to HOST:PORT."]
    if not failed.answered_by_peer:
        if failed.cause == "timeout":
            return [f"✗ Nothing answers at {_where(flow)}.", "  Check --to HOST:PORT and --transport."]
        lines = [f"✗ {_where(flow)} cannot be reached: {phrase}."]
        if "certificate" in phrase.lower():
            lines.append("  Trust its authority with --ca FILE, name it as its certificate does, or pass --insecure.")
        else:
            lines.append("  Is the edge running, and does it listen there (--to HOST:PORT, --transport)?")
        return lines
    lines = [f"✗ {_where(flow)} refused the call: {failed.status} {phrase}."]
    if failed.warning:
        lines.append(f"  It says: {_warn_text(fit(failed.warning))}")
    elif failed.reason and phrase not in failed.reason:
        lines.append(f"  It says: {fit(failed.reason)}")
    credentials = plan.target.credentials
    wrong = failed.status in (401, 407) or '"wrong-credentials"' in f"{failed.warning} {failed.reason}"
    if wrong and credentials is not None:
        lines.append("  It does not accept this --user and --password.")
    elif failed.status in _ADVICE:
        lines.append(f"  {_ADVICE[failed.status]}")
    elif failed.status in _ASK_WHY and flow is not None:
        spoken = f" --transport {flow.transport}" if flow.transport != "udp" else ""
        number = plan.target.uri.partition(":")[2].partition("@")[0]
        user = f" --user {shlex.quote(fit(credentials.username))}" if credentials is not None else ""
        lines.append(f"  Ask it why: trunkline explain {fit(number)} --from-ip {flow.local[0]}{spoken}{user}")
    return lines


def _audio(outcome: Outcome, expected: Expected) -> tuple[bool, list[str]]:
    assert outcome.set_up is not None
    answered = f"answered in {_milliseconds(outcome.set_up)}"
    if outcome.unusable is not None:
        return expected == "answer", [
            f"{'✓' if expected == 'answer' else '✗'} The call was {answered}, but its audio cannot be used.",
            f"  {fit(outcome.unusable.detail)}",
        ]
    report, settled = outcome.report or Report(), outcome.settled
    between = f" ({settled.codec}, {settled.here} to {settled.there})" if settled is not None else ""
    back = report.sent > 0 and report.returned >= LEAST * report.sent
    speaks = back or report.returned + report.other > 0
    good = {"echo": back, "audio": speaks, "answer": True}[expected]
    mark = "✓" if good else "✗"
    if back:
        lines = [f"{mark} The call was {answered}, and its audio came back{between}."]
    elif report.returned:
        lines = [f"{mark} The call was {answered}, but only a part of its audio came back{between}."]
    elif report.other:
        lines = [f"{mark} The call was {answered}; what comes back is another audio than was sent{between}."]
        if expected == "echo":
            lines.append("  An agent that speaks for itself does so: judge it with --expect audio.")
    else:
        lines = [f"{mark} The call was {answered}, but no audio came back{between}."]
        if expected != "answer":
            lines.append("  Let UDP pass to and from both ports, and set media.external_address of an edge behind NAT.")
    lines.append(f"  {_counted(report)}")
    return good, lines


def _counted(report: Report) -> str:
    share = f" ({report.lost / report.sent:.1%} lost)" if report.lost > 0 else ""
    text = f"{report.sent} packets sent, {report.returned} back as they were sent{share}"
    for count, words in ((report.doubled, "came twice"), (report.reordered, "out of order"), (report.other, "other")):
        if count:
            text += f", {count} {words}"
    if report.returned:
        trips = [_milliseconds(seconds) for seconds in (report.fastest, report.mean, report.slowest)]
        text += f"; round trip {' / '.join(trips)} (least, mean, most)"
    return text + "."


def _warn_text(value: str) -> str:
    """The words of a Warning (RFC 3261 §20.43), without its code and agent."""
    match = _WARNING.fullmatch(value)
    return match[1].replace("\\", "") if match is not None else value


def _where(flow: Flow | None) -> str:
    return f"{flow.transport} {host_port(flow.remote)}" if flow is not None else "that address"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
