"""So many changes under calls: what the API shows is what the next INVITE meets, and no call is dropped or misrouted.

Everything is real: `trunkline serve` on SQLite, its API by HTTP, calls by UDP. The same seed makes the same changes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from loadtest.changes.run import prove


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.changes", description=__doc__)
    parser.add_argument("--changes", type=int, default=10_000, help="those that are refused do not count (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="that of the changes; else the time")
    parser.add_argument("--steady", type=float, default=20.0, help="calls a second that nobody changes (%(default)g)")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="load-changes-") as folder:
        proof = asyncio.run(prove(Path(folder), given.changes, given.seed, given.steady, tell=True))
    print(
        f"{proof.changes} changes, {proof.refused} that were refused, in {time.monotonic() - begun:.0f} s;"
        f" {proof.calls} calls after them, {proof.beside} beside them, {proof.steady} steady ones;"
        f" {proof.lasted} stayed up through changes; {len(proof.logged)} records compared"
    )
    for outcome, count in proof.met.most_common():
        print(f"  {count:6}  {outcome}")
    for fault in proof.faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if proof.faults else 0


if __name__ == "__main__":
    sys.exit(main())
