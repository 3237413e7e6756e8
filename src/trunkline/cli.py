"""The command line: finds the command, runs it, and ends with one sentence when it cannot."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from trunkline import __version__
from trunkline.commands import call, explain, keys, serve, trace
from trunkline.commands.terminal import FAILED, Sorry

_COMMANDS = (serve, call, explain, trace, keys)
_INTERRUPTED = 130
"""As a shell counts a process that Ctrl-C ended."""


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    made = argparse.ArgumentParser(
        prog="trunkline",
        description="A SIP signalling edge that connects carriers' calls with voice agents.",
        epilog="Begin with `trunkline serve --demo`, then `trunkline call +12025550100` beside it.",
    )
    made.add_argument("--version", action="version", version=f"trunkline {__version__}")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for command in _COMMANDS:
        command.add(commands)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. `arguments`: those of the process when None."""
    args = parser().parse_args(arguments)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except Sorry as sorry:
        print(f"trunkline {args.command}: {sorry}", file=sys.stderr)
        return sorry.code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read our output has read enough; nothing more may be written, not even by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code
