"""The state tables, held against the RFC's figures.

The figures are written down here once more, line by line as they stand in RFC 3261 §17 with the changes of RFC 6026
§7 and §8, in their own words: state, event, what is done, next state. Timers that start with a state are from the prose
beside them.
"""

from __future__ import annotations

import pytest

from trunkline.sip.transaction.tables import (
    CLASS,
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    TERMINATED,
    UNRELIABLE_ONLY,
    ZERO_WHEN_RELIABLE,
    Table,
)

FIGURE_5 = """
Calling    | Timer A fires           | reset A, INVITE sent             | Calling
Calling    | Timer B fires           | inform TU of timeout             | Terminated
Calling    | Transport Err.          | inform TU of failure             | Terminated
Calling    | 1xx                     | response to TU                   | Proceeding
Calling    | 2xx                     | response to TU, start M          | Accepted
Calling    | 300-699                 | ACK sent, response to TU, start D| Completed
Proceeding | 1xx                     | response to TU                   | Proceeding
Proceeding | 2xx                     | response to TU, start M          | Accepted
Proceeding | 300-699                 | ACK sent, response to TU, start D| Completed
Completed  | 300-699                 | ACK sent                         | Completed
Completed  | Transport Err.          | inform TU of failure             | Terminated
Completed  | Timer D fires           | -                                | Terminated
Accepted   | 2xx                     | response to TU                   | Accepted
Accepted   | Timer M fires           | -                                | Terminated
"""

FIGURE_6 = """
Trying     | Timer E fires           | request sent, reset E            | Trying
Trying     | Timer F fires           | inform TU of timeout             | Terminated
Trying     | Transport Err.          | inform TU of failure             | Terminated
Trying     | 1xx                     | response to TU                   | Proceeding
Trying     | 200-699                 | response to TU, start K          | Completed
Proceeding | Timer E fires           | request sent, reset E            | Proceeding
Proceeding | Timer F fires           | inform TU of timeout             | Terminated
Proceeding | Transport Err.          | inform TU of failure             | Terminated
Proceeding | 1xx                     | response to TU                   | Proceeding
Proceeding | 200-699                 | response to TU, start K          | Completed
Completed  | Timer K fires           | -                                | Terminated
"""

FIGURE_7 = """
Proceeding | INVITE                  | send response                    | Proceeding
Proceeding | 1xx from TU             | send it                          | Proceeding
Proceeding | 2xx from TU             | send it, start L                 | Accepted
Proceeding | 300-699 from TU         | send it, start G, start H        | Completed
Accepted   | INVITE                  | -                                | Accepted
Accepted   | 2xx from TU             | send it                          | Accepted
Accepted   | ACK                     | ACK to TU                        | Accepted
Accepted   | Timer L fires           | -                                | Terminated
Completed  | INVITE                  | send response                    | Completed
Completed  | Timer G fires           | send response, reset G           | Completed
Completed  | Timer H fires           | inform TU of timeout             | Terminated
Completed  | ACK                     | start I                          | Confirmed
Confirmed  | INVITE                  | -                                | Confirmed
Confirmed  | ACK                     | -                                | Confirmed
Confirmed  | Timer I fires           | -                                | Terminated
"""

FIGURE_8 = """
Trying     | request                 | -                                | Trying
Trying     | 1xx from TU             | send it                          | Proceeding
Trying     | 200-699 from TU         | send it, start J                 | Completed
Proceeding | request                 | send response                    | Proceeding
Proceeding | 1xx from TU             | send it                          | Proceeding
Proceeding | 200-699 from TU         | send it, start J                 | Completed
Completed  | request                 | send response                    | Completed
Completed  | Timer J fires           | -                                | Terminated
"""
"""Server transactions have no `Transport Err.` here: nobody tells them that a response was lost, and H, I, J and L end
them all the same."""

ACTIONS = {
    "-": "",
    "INVITE sent": "resend",
    "request sent": "resend",
    "send response": "resend",
    "send it": "send",
    "ACK sent": "ack",
    "response to TU": "deliver",
    "ACK to TU": "deliver",
    "inform TU of timeout": "timeout",
    "inform TU of failure": "failed",
}

BEYOND = {
    ("proceeding", "abandoned"): (TERMINATED, ("timeout",)),
    ("proceeding", "lost"): ("proceeding", ("failed",)),
    ("calling", "unreached"): ("left", ("failed",)),
    ("trying", "unreached"): (TERMINATED, ("failed",)),
    ("calling", "left"): ("left", ()),
    ("left", "B"): (TERMINATED, ()),
    ("left", "transport"): (TERMINATED, ()),
    ("left", "1xx"): ("proceeding", ("deliver",)),
    ("left", "2xx"): ("accepted", ("deliver", "M")),
    ("left", "300-699"): ("completed", ("ack", "D")),
}
"""§9.1: a cancelled INVITE without a final response is given up after 64·T1. §9.1 again: what nobody answered cannot be
cancelled, and is left for another address. §18.4: the network says that it did not arrive. No figure shows it."""


def drawn(figure: str) -> Table:
    table: Table = {}
    for line in figure.strip().split("\n"):
        state, event, done, following = [cell.strip() for cell in line.split("|")]
        event = event.removesuffix(" from TU").replace("Transport Err.", "transport").replace("INVITE", "request")
        if event.startswith("Timer "):
            event = event[6]
        actions = []
        for words in done.split(", "):
            action = words.split()[1] if words.startswith(("start ", "reset ")) else ACTIONS[words]
            if action:
                actions.append(action)
        for each in ["2xx", "300-699"] if event == "200-699" else [event]:
            table[state.lower(), each] = following.lower(), tuple(sorted(actions))
    return table


def plain(table: Table) -> Table:
    """Without what no figure shows; whoever keeps a call's messages is in none."""
    return {
        key: (state, tuple(sorted([action for action in actions if action != "keep"])))
        for key, (state, actions) in table.items()
        if key not in BEYOND
    }


@pytest.mark.parametrize(
    ("table", "figure"),
    [(INVITE_CLIENT, FIGURE_5), (CLIENT, FIGURE_6), (INVITE_SERVER, FIGURE_7), (SERVER, FIGURE_8)],
    ids=["figure 5", "figure 6", "figure 7", "figure 8"],
)
def test_the_table_is_the_figure(table: Table, figure: str) -> None:
    assert plain(table) == drawn(figure)


def test_what_is_beyond_the_figures_is_this() -> None:
    tables = (INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER)
    own = {"abandoned", "left", "lost", "unreached"}
    found = {key: row for table in tables for key, row in table.items() if own.intersection(key)}
    assert found == BEYOND


@pytest.mark.parametrize("table", [INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER])
def test_every_state_but_the_last_can_be_left_and_reached(table: Table) -> None:
    states = {state for state, _ in table}
    assert TERMINATED not in states
    reached = {following for following, _ in table.values()}
    (first,) = (
        states
        - (reached - {state for (state, _), (following, _) in table.items() if state == following})
        - {following for (state, _), (following, _) in table.items() if state != following}
    )
    assert first in ("calling", "trying", "proceeding")
    for state in states:
        ways = {following for (start, _), (following, _) in table.items() if start == state and following != state}
        assert ways, state


def test_an_acknowledgement_precedes_the_news() -> None:
    """§17.1.1.3: the ACK does not wait for what the user makes of the response."""
    for state in ("calling", "proceeding"):
        assert INVITE_CLIENT[state, "300-699"][1][:2] == ("ack", "deliver")


def test_table_4() -> None:
    """Which timers a reliable transport does without, and which are zero there."""
    assert frozenset("AEG") == UNRELIABLE_ONLY
    assert frozenset("DIJK") == ZERO_WHEN_RELIABLE
    for table in (INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER):
        for (_, event), (following, actions) in table.items():
            if event in ZERO_WHEN_RELIABLE:
                # What is skipped when the wait is zero must do nothing but end.
                assert (following, actions) == (TERMINATED, ()) or following == TERMINATED
                assert actions == ()
            for action in actions:
                if action in ZERO_WHEN_RELIABLE:
                    assert action == actions[-1]


def test_classes() -> None:
    assert [CLASS[status // 100] for status in (100, 183, 200, 299, 300, 404, 503, 603, 699)] == [
        "1xx", "1xx", "2xx", "2xx", "300-699", "300-699", "300-699", "300-699", "300-699",
    ]  # fmt: skip
