"""`trunkline keys`: API keys, made, listed and ended through the API."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from trunkline.commands.server import Server, add_arguments, path_part, server_of
from trunkline.commands.terminal import MISUSED, Sorry, console, fit
from trunkline.control.access.permissions import PERMISSIONS, ROLES

_SPAN = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_PER_PAGE = 100


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "keys",
        help="create, list and revoke API keys",
        description="API keys. A server that starts without any leaves a first one, an operator's, in its data "
        "directory as operator.key, readable by its owner alone; it is used when no other is given.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    create = actions.add_parser("create", help="make a key; its text is shown this once, on standard output")
    create.add_argument("name", nargs="?", default="Command line", help="what it is for (default: %(default)s)")
    role = create.add_mutually_exclusive_group()
    role.add_argument("--role", choices=sorted(ROLES), default="admin", help="what it may do (default: %(default)s)")
    role.add_argument(
        "--operator", dest="role", action="store_const", const="operator", help="the role above the organizations"
    )
    create.add_argument(
        "--scope",
        action="append",
        choices=sorted(PERMISSIONS),
        default=[],
        metavar="PERMISSION",
        help="only this, as calls:read; again for more",
    )
    create.add_argument("--network", action="append", default=[], metavar="CIDR", help="accept it only from there")
    create.add_argument("--expires", metavar="SPAN", help="end it after so long, as 12h, 90d or 4w")
    add_arguments(create)
    create.set_defaults(run=_create)

    listing = actions.add_parser("list", help="list the organization's keys")
    add_arguments(listing)
    listing.set_defaults(run=_list)

    revoke = actions.add_parser("revoke", help="end a key at once")
    revoke.add_argument("key_id", metavar="KEY_ID", help="as `trunkline keys list` shows it")
    add_arguments(revoke)
    revoke.set_defaults(run=_revoke)


def _create(args: argparse.Namespace) -> int:
    body: dict[str, Any] = {"name": args.name, "role": args.role, "scopes": args.scope, "networks": args.network}
    if args.expires is not None:
        body["expires_at"] = _end(args.expires)
    made = server_of(args).post("/v1/api-keys", body)
    sys.stdout.write(f"{made['key']}\n")
    # Beside the key, so that `KEY=$(trunkline keys create)` gets the key alone.
    sys.stderr.write(f"{fit(made['name'])} ({made['role']}, {made['id']}): keep it, it is not shown again.\n")
    return 0


def _list(args: argparse.Namespace) -> int:
    keys = _all(server_of(args))
    screen = console()
    if not screen.is_terminal:
        # For programs: a line a key, tabs between.
        for key in keys:
            cells = [
                fit(str(key[name] or "")) for name in ("id", "name", "role", "prefix", "last_used_at", "expires_at")
            ]
            sys.stdout.write("\t".join(cells) + "\n")
        return 0
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("Id", "Name", "Role", "Last used", "Expires"):
        # The id is what `revoke` wants: it is whole, whatever the others have to yield.
        table.add_column(name, no_wrap=name == "Id", min_width=30 if name == "Id" else None, overflow="fold")
    for key in keys:
        role = key["role"] + (f" ({', '.join(key['scopes'])})" if key["scopes"] else "")
        shown = (key["id"], key["name"], role, _when(key["last_used_at"]), _when(key["expires_at"]))
        table.add_row(*[Text(fit(cell)) for cell in shown])
    screen.print(table)
    return 0


def _revoke(args: argparse.Namespace) -> int:
    server_of(args).delete(f"/v1/api-keys/{path_part(args.key_id)}")
    console().print(f"{args.key_id} has ended.")
    return 0


def _all(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = server.get("/v1/api-keys", page=page, per_page=_PER_PAGE)
        found += answer["data"]
        if len(found) >= answer["pagination"]["total"] or not answer["data"]:
            return found
        page += 1


def _when(moment: str | None) -> str:
    """A time of the API's, in UTC, as people read it."""
    return "never" if moment is None else moment[:16].replace("T", " ")


def _end(span: str) -> str:
    match = _SPAN.fullmatch(span)
    if match is None or not int(match[1]):
        raise Sorry(f"{span!r} is no span of time: write --expires 12h, 90d or 4w", MISUSED)
    end = datetime.now(UTC) + timedelta(hours=int(match[1]) * _HOURS[match[2]])
    return end.isoformat(timespec="seconds")
