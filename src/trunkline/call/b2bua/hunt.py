"""After an attempt failed: whether the next agent is tried, and what the caller is told when none is left.

The next agent is tried when the network or the machine failed, never when a human (or a bot) said no: the same caller
would ring twice. Which answers are a machine's is the group's to say, within that.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.leg.events import Failed
from trunkline.model.agent import HUNT_ON
from trunkline.routing.select import Candidate
from trunkline.sip.status import phrase

_HUMAN = frozenset({486, 487})
RANG_OUT: Final = "ring-timeout"
"""The cause of one that rang for as long as it may."""


def hunts_on(event: Failed, provisional: bool, rang: bool = False, statuses: tuple[int, ...] = HUNT_ON) -> bool:
    """Whether the failure is the machine's and not the callee's. `provisional`: whether the attempt ever got a 1xx;
    `rang`: whether it got one that says that somebody is alerted; `statuses`: the group's list."""
    status = event.status
    if not event.answered_by_peer:
        return status != 408 or (not provisional and 408 in statuses)
    if status >= 600 or status in _HUMAN or status not in statuses:
        return False
    if status == 408:
        return not provisional
    # What machines say for one who is not there, and for one who does not pick up.
    return status != 480 or not rang


def one_device(tried: Candidate, event: Failed, provisional: bool) -> bool:
    """Whether this is but the word, or the silence, of one device of several: it does not speak for the others."""
    return not tried.alone and (event.status in (480, 486) or (event.status == 408 and not provisional))


def _weight(event: Failed) -> int:
    """How much a failure says of the callee, least first: nobody's (RFC 3261 §16.7, step 6)."""
    if event.status == 486 or event.status >= 600:
        return 2 if event.answered_by_peer else 0
    if event.cause == RANG_OUT:
        return 1
    said = event.answered_by_peer and event.status < 500 and event.status != 408 and event.status not in _HOP
    return 1 if said else 0


def better(earlier: Failed | None, event: Failed) -> Failed:
    """Of what two devices of one agent came to, what the agent came to: that one phone is busy is not undone by another
    that is not there, and a caller that is told of a failure would try again elsewhere."""
    return earlier if earlier is not None and _weight(earlier) > _weight(event) else event


def reason(event: Failed) -> str:
    """The value of the Reason header (RFC 3326) that the caller is given: the agent's own, else ours."""
    if event.reason.partition(";")[0] in ("SIP", "Q.850"):
        return event.reason
    return f'SIP;cause={event.status};text="{event.cause}"'


_HOP = {401, 407, 420, 421, 422, 423, 481, 482, 483, 493, 494, 505}
"""Answers to what this edge itself sent: the caller could only misread them."""


def crossed(status: int, words: str) -> tuple[int, str]:
    """The status and phrase that one leg is told for what the other refused: the call, or a change inside it."""
    if status < 400 or status > 699:
        # A redirection is for us to follow or to end; the other side must not learn where it leads.
        return 480, phrase(480)
    if status in _HOP:
        return 502, phrase(502)
    return status, words or phrase(status)


def refused(status: int, words: str) -> tuple[int, str]:
    """The same of a call that was not answered: there 491 speaks of nothing that the caller could wait for, 405 of no
    address that the caller knows."""
    return crossed(status, words) if status not in (405, 491) else (502, phrase(502))
