"""What carriers and agents do, against a running edge: the verdict is SIPp's, at both ends, and the call log's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from tests.interop.edge import Edge
from tests.interop.stage import Stage, received

pytestmark = pytest.mark.foreign

CALLS = 10
AGENT_MAY_MISS = {"cancel-at-once"}
"""Where the edge may rightly end the call before it has asked the agent."""


@pytest.mark.parametrize("make", behaviours.EVERY, ids=lambda make: make().name)
def test_behaviour(
    needs: Callable[..., None], edge: Edge, stage: Stage, make: Callable[[], Behaviour], tmp_path: Path
) -> None:
    needs("sipp")
    behaviour = make()
    before = edge.log()
    played = stage.play(behaviour, tmp_path, calls=CALLS)
    assert played.carrier.succeeded == CALLS, played.complaint
    if played.agent is not None:
        assert played.agent.failed == 0, played.complaint
        if behaviour.name not in AGENT_MAY_MISS:
            assert played.agent.succeeded == CALLS, played.complaint
    if behaviour.record is None:
        assert edge.log() == before
        return
    gained = edge.new_records(before, CALLS)
    assert sum(gained.values()) == CALLS
    for status, sip_status, hung_up_by in gained:
        assert status == behaviour.record.status
        assert sip_status in behaviour.record.sip_status
        if behaviour.record.hung_up_by is not None:
            assert hung_up_by == behaviour.record.hung_up_by


def test_our_answer_is_repeated_until_the_ack(
    needs: Callable[..., None], edge: Edge, stage: Stage, tmp_path: Path
) -> None:
    """SIPp overlooks a repeated 200, so it is looked for in its message log: the ACK leaves 1.2 s after the first 200,
    the second is due T1 (0.5 s) after the first."""
    needs("sipp")
    before = edge.log()
    played = stage.play(behaviours.lost_ack_at_edge(), tmp_path)
    assert played.carrier.succeeded == 1, played.complaint
    assert edge.new_records(before, 1) == {("completed", 200, "caller"): 1}
    answers = [text for text in received(played.carrier_messages) if text.startswith("SIP/2.0 200 ")]
    invite_answers = [text for text in answers if " INVITE" in text]
    assert len(invite_answers) in {2, 3}
    assert len(set(invite_answers)) == 1


def test_each_early_dialog_has_a_tag_of_its_own(
    needs: Callable[..., None], edge: Edge, stage: Stage, tmp_path: Path
) -> None:
    """The second answered: the 200 bears its tag (RFC 3261 §12.1)."""
    needs("sipp")
    played = stage.play(behaviours.forked_early_media(), tmp_path)
    assert played.carrier.succeeded == 1, played.complaint
    tags: dict[str, list[str]] = {}
    for text in received(played.carrier_messages):
        if re.search(r"(?m)^CSeq: \d+ INVITE", text) and (tag := re.search(r"(?m)^To:.*;tag=([^;\s]+)", text)):
            tags.setdefault(text.split()[1], []).append(tag[1])
    first, second = dict.fromkeys(tags["183"])
    assert first != second
    assert set(tags["200"]) == {second}
