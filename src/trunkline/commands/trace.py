"""`trunkline trace`: the messages of a call, drawn as a ladder."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any, NamedTuple

from trunkline.commands.server import Server, add_arguments, path_part, server_of
from trunkline.commands.terminal import Sorry, console, fit


class _Message(NamedTuple):
    """What the ladder draws (`telemetry.ladder.Drawn`)."""

    at: float
    direction: str
    side: str
    transport: str
    remote: str
    text: str


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "trace",
        help="a call's messages as a ladder",
        description="Draw the SIP messages of a call, both legs, as a ladder. The server keeps those of the last "
        "calls, with secrets hidden.",
    )
    parser.add_argument("call_id", nargs="?", metavar="CALL_ID", help="as /v1/calls shows it (default: the last call)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="and each message as it was sent")
    form.add_argument("--json", action="store_true", help="the API's answer as it is")
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from trunkline.telemetry.ladder import ladder

    server = server_of(args)
    call_id = args.call_id or _last(server)
    path = f"/v1/calls/{path_part(call_id)}/trace"
    screen = console()
    if args.full:
        screen.print(fit(server.text(path, format="text")), end="")
        return 0
    found = server.get(path)
    if args.json:
        screen.print_json(data=found)
        return 0
    if not found["messages"]:
        raise Sorry(f"no messages of {fit(call_id)} are kept: the server keeps those of its last calls (trace.calls)")
    if args.call_id is None:
        screen.print(f"{fit(call_id)}\n")
    screen.print(ladder([_message(message) for message in found["messages"]]), end="")
    if found["truncated"]:
        screen.print("… some messages are missing here")
    return 0


def _last(server: Server) -> str:
    """The newest call there is, ended or live."""
    newest = [server.get(path, per_page=1)["data"][:1] for path in ("/v1/calls", "/v1/calls/live")]
    calls = sorted((call for found in newest for call in found), key=lambda call: str(call["started_at"]))
    if not calls:
        raise Sorry("no call has come yet: place one with `trunkline call +12025550100`")
    return str(calls[-1]["id"])


def _message(message: dict[str, Any]) -> _Message:
    return _Message(
        datetime.fromisoformat(message["at"]).timestamp() if message["at"] else 0.0,
        message["direction"],
        message["side"],
        fit(message["transport"]),
        fit(message["remote"]),
        fit(message["text"]),
    )
