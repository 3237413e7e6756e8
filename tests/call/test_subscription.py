"""The subscription of a REFER, from both ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.call.b2bua.subscription import LIFETIME, Notice, Notifier, Outcome, Subscriber
from trunkline.sip.refer import Subscription, parse_subscription, read_sipfrag


def state(notice: Notice | None) -> tuple[str, int | None, str]:
    assert notice is not None
    return parse_subscription(dict(notice.headers)["Subscription-State"])


def status(notice: Notice | None) -> int:
    assert notice is not None
    read = read_sipfrag(notice.body)
    assert read is not None
    return read[0]


def test_one_notify_after_the_other() -> None:
    notifier = Notifier("", 0.0)
    first = notifier.tell(100, "Trying", 0.0)
    assert (state(first), status(first)) == (("active", LIFETIME, ""), 100)
    assert notifier.tell(180, "Ringing", 1.0) is None, "the first flies"
    assert notifier.tell(183, "Session Progress", 1.5) is None
    second = notifier.answered(200, 2.0)
    assert (status(second), state(second)[1]) == (183, LIFETIME - 2)
    assert notifier.tell(200, "OK", 3.0) is None
    assert notifier.tell(486, "Busy Here", 3.0) is None, "the outcome is told once"
    last = notifier.answered(200, 4.0)
    assert (status(last), state(last)) == (200, ("terminated", None, "noresource"))
    assert not notifier.over
    assert notifier.answered(200, 5.0) is None
    assert notifier.over


def test_a_peer_that_does_not_listen_is_told_nothing_more() -> None:
    notifier = Notifier("", 0.0)
    notifier.tell(100, "", 0.0)
    notifier.tell(200, "", 0.0)
    assert notifier.answered(481, 1.0) is None
    assert notifier.over
    assert notifier.tell(200, "", 2.0) is None


def test_the_second_refer_of_a_dialog_has_its_id() -> None:
    notice = Notifier("93", 0.0).tell(100, "", 0.0)
    assert notice is not None
    assert dict(notice.headers)["Event"] == "refer;id=93"


def test_a_subscribe_of_zero_seconds_ends_it() -> None:
    notifier = Notifier("", 0.0)
    notifier.tell(100, "", 0.0)
    notifier.answered(200, 0.1)
    assert state(notifier.renewed(60, 10.0)) == ("active", 60, "")
    notifier.answered(200, 10.1)
    assert state(notifier.renewed(0, 20.0)) == ("terminated", None, "timeout")
    assert notifier.tell(200, "OK", 20.0) is None, "that was the last (RFC 6665 §4.4.1)"
    assert notifier.renewed(60, 20.0) is None
    assert notifier.answered(200, 20.1) is None
    assert notifier.over


def test_a_subscribe_while_a_notify_flies_is_told_after_it() -> None:
    notifier = Notifier("", 0.0)
    notifier.tell(100, "", 0.0)
    assert notifier.renewed(60, 10.0) is None
    renewed = notifier.answered(200, 10.1)
    assert (status(renewed), state(renewed)) == (100, ("active", 59, ""))
    assert notifier.renewed(0, 11.0) is None
    assert notifier.tell(200, "OK", 11.0) is None
    last = notifier.answered(200, 11.1)
    assert (status(last), state(last)[0]) == (200, "terminated")
    assert notifier.answered(200, 11.2) is None
    assert notifier.over


def test_who_does_not_renew_is_told_once_that_it_is_over() -> None:
    notifier = Notifier("", 0.0)
    notifier.tell(100, "", 0.0)
    notifier.answered(200, 0.1)
    assert state(notifier.tell(180, "Ringing", LIFETIME + 1.0)) == ("terminated", None, "timeout")
    assert notifier.answered(200, LIFETIME + 1.1) is None
    assert notifier.over
    assert notifier.tell(200, "OK", LIFETIME + 2.0) is None


@given(st.lists(st.one_of(st.sampled_from([100, 180, 183, 200, 486]), st.just("answered")), max_size=30))
def test_never_two_at_once_and_the_outcome_comes_last(steps: list[int | str]) -> None:
    notifier = Notifier("", 0.0)
    flying = 0
    told: list[int] = []
    for step in steps:
        notice = None
        if isinstance(step, int):
            notice = notifier.tell(step, "", 1.0)
        elif flying:
            flying -= 1
            notice = notifier.answered(200, 1.0)
        if notice is not None:
            flying += 1
            told.append(status(notice))
        assert flying <= 1
    finals = [each for each in told if each >= 200]
    assert len(finals) <= 1
    assert not finals or told[-1] == finals[0]


PATIENCE = 32.0


def test_the_outcome_is_the_final_fragment() -> None:
    subscriber = Subscriber(0.0, 60.0)
    subscriber.answered(202, "Accepted", 1.0, PATIENCE)
    assert subscriber.deadline == 33.0
    subscriber.notified(Subscription("active", 60), (100, "Trying"))
    assert subscriber.deadline == 60.0
    subscriber.notified(Subscription("active", 60), (180, "Ringing"))
    assert (subscriber.outcome, subscriber.progress) == (None, 180)
    subscriber.notified(Subscription("terminated"), (486, "Busy Here"))
    assert subscriber.outcome == Outcome(486, "Busy Here")
    assert not subscriber.outcome.done


def test_a_refused_refer_is_refused() -> None:
    subscriber = Subscriber(0.0, 60.0)
    subscriber.answered(603, "Decline", 1.0, PATIENCE)
    assert subscriber.outcome == Outcome(603, "Decline")


def test_what_is_not_told_is_neither_done_nor_refused() -> None:
    lost, ended = Subscriber(0.0, 60.0), Subscriber(0.0, 60.0)
    lost.answered(202, "Accepted", 1.0, PATIENCE)
    lost.expire(32.0)
    assert lost.outcome is None
    lost.expire(33.0)
    ended.notified(Subscription("terminated", None, "noresource"), (100, "Trying"))
    for subscriber in (lost, ended):
        assert subscriber.outcome is not None
        assert not subscriber.outcome.told
        assert not subscriber.outcome.done


def test_a_notify_may_come_before_the_202() -> None:
    subscriber = Subscriber(0.0, 60.0)
    subscriber.notified(Subscription("active", 60), (100, "Trying"))
    subscriber.answered(202, "Accepted", 1.0, PATIENCE)
    assert subscriber.deadline == 60.0
    subscriber.notified(Subscription("active", 60), (200, "OK"))
    assert subscriber.outcome is not None
    assert subscriber.outcome.done
