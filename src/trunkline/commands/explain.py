"""`trunkline explain`: what would happen to a call, step by step, without placing it."""

from __future__ import annotations

import argparse
from typing import Any

from trunkline.commands.server import add_arguments, server_of
from trunkline.commands.terminal import FAILED, console, fit


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "explain",
        help="what would happen to a call, and what would mend it",
        description="Ask the server what it would do with an INVITE now, step by step. Ends with 0 when the call would "
        "be routed, else with 1.",
    )
    parser.add_argument("number", metavar="NUMBER", help="what is dialled: a number, or a whole SIP URI")
    parser.add_argument("--from-ip", required=True, metavar="ADDRESS", help="where the INVITE would come from")
    parser.add_argument("--from", dest="caller", metavar="NUMBER", help="the caller (default: withheld)")
    parser.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=5060, help="the source port (default: %(default)s)")
    parser.add_argument("--user", metavar="NAME", help="suppose that it authenticates by digest as this user")
    parser.add_argument(
        "--certificate",
        metavar="NAME",
        help="suppose that it shows a certificate with this name or fingerprint, over TLS",
    )
    parser.add_argument("--json", action="store_true", help="the API's answer as it is")
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    body: dict[str, Any] = {
        "source": args.from_ip.strip("[]"),
        "port": args.port,
        "transport": args.transport,
        "to": args.number,
    }
    if args.caller is not None:
        body["from"] = args.caller
    if args.user is not None:
        body["digest_user"] = args.user
    if args.certificate is not None:
        body["client_certificate"] = args.certificate
    found = server_of(args).post("/v1/routes/explain", body)
    screen = console()
    if args.json:
        screen.print_json(data=found)
    else:
        from rich.text import Text

        for line, style in lines(found):
            screen.print(Text(line, style))
    return 0 if found["accepted"] else FAILED


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The answer as lines, each with its style."""
    steps = found["steps"]
    width = max((len(step["name"]) for step in steps), default=0)
    drawn: list[tuple[str, str]] = []
    for step in steps:
        mark, style = ("✓", "green") if step["passed"] else ("✗", "bold red")
        drawn.append((f"{mark} {fit(step['name']):<{width}}  {fit(step['detail'])}", style))
        if step["mend"]:
            drawn.append((f"  {'':<{width}}  → {fit(step['mend'])}", "yellow"))
    drawn.append(("", ""))
    if found["accepted"]:
        out = found["direction"] == "outbound"
        reached = ", ".join(map(fit, found["carrier_ids"] if out else found["agent_ids"]))
        told = f"go out: {fit(found['to'] or '')} by" if out else f"be routed: {fit(found['to'] or '')} to"
        drawn.append((f"The call would {told} {reached}.", "bold green"))
    elif found["status"]:
        answer = f"{found['status']} {fit(found['phrase'])}"
        drawn.append((f"The call would be answered {answer} ({fit(found['cause'])}).", "bold red"))
    else:
        drawn.append((f"The call would get no answer ({fit(found['cause'])}).", "bold red"))
    return drawn
