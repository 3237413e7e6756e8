"""`trunkline serve`, with a watch on its loop: for how long does one piece of work keep all others out?

    python -m loadtest.watched serve --config trunkline.toml

What counts is the processor's time of the loop's thread, so that other programs on the machine do not lengthen it. At
SIGUSR1 the longest piece since the last signal is added to the file that `WATCH` names, in seconds, a line for each.
"""

from __future__ import annotations

import os
import signal
import sys
from asyncio import events
from time import thread_time

_FILE = "WATCH"


class Watch:
    def __init__(self, path: str) -> None:
        self._path = path
        self._run = events.Handle._run
        self.longest = 0.0

    def begin(self) -> None:
        watch, run = self, self._run

        def timed(handle: events.Handle) -> None:
            before = thread_time()
            run(handle)
            taken = thread_time() - before
            if taken > watch.longest:
                watch.longest = taken

        events.Handle._run = timed  # type: ignore[method-assign,assignment]
        signal.signal(signal.SIGUSR1, self._tell)

    def _tell(self, *_: object) -> None:
        with open(self._path, "a") as file:
            file.write(f"{self.longest:.6f}\n")
        self.longest = 0.0


def main() -> None:
    # Python's own loop: what uvloop runs cannot be watched.
    sys.modules["uvloop"] = None  # type: ignore[assignment]
    Watch(os.environ[_FILE]).begin()
    from trunkline.cli import main as cli

    sys.exit(cli())


if __name__ == "__main__":
    main()
