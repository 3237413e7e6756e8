"""`trunkline serve`: run the edge."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from trunkline.commands.server import add_config, settings_of
from trunkline.commands.terminal import MISUSED, Sorry
from trunkline.commands.welcome import welcome
from trunkline.settings import Settings, find, load


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="run the edge",
        description="Run the edge until SIGTERM or Ctrl-C; then live calls may end first. SIGHUP reloads.",
    )
    add_config(parser)
    parser.add_argument(
        "--demo",
        action="store_true",
        help="with a working demonstration: an organization, trunks that accept this machine, +12025550100 answered by "
        "the built-in echo agent, an API key",
    )
    parser.add_argument(
        "--seed",
        metavar="FILE",
        type=Path,
        help="put the records of this JSON file in first, over those with their ids",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    if args.seed is not None and not args.seed.is_file():
        raise Sorry(f"there is no file {args.seed}: name the JSON file with the records for --seed", MISUSED)
    from trunkline.edge import Started, serve

    config = args.config or find(os.environ)

    def greet(started: Started) -> None:
        text = welcome(settings, started.addresses, started.number, started.api_url, started.key, config)
        sys.stdout.write(text)
        sys.stdout.flush()

    def read() -> Settings:
        return load(config)

    return serve(settings, demo=args.demo, seed=args.seed, greeting=greet, read=read)
