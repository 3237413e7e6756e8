"""`python -m tests.simulation.storm`: many days of bad luck, and how many a minute."""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback

from tests.simulation.storm import Storm
from trunkline.build import compiled


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.storm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many")
    parser.add_argument("--from", type=int, default=0, metavar="S", dest="first", help="the first of them")
    parser.add_argument("--seed", type=int, metavar="S", help="replay this one, and print what passed")
    parser.add_argument("--all", action="store_true", help="go on after a failure, and list the seeds that fail")
    given = parser.parse_args()
    if given.seed is not None:
        storm = Storm(given.seed)
        storm.run()
        sys.stdout.write(f"{storm.context}\n")
        storm.settle()
        return 0
    failed = []
    begin, spent = time.perf_counter(), time.process_time()
    for seed in range(given.first, given.first + given.seeds):
        storm = Storm(seed)
        try:
            storm.run()
            storm.settle()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the finding)
            failed.append(seed)
            if not given.all:
                traceback.print_exc()
                break
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = str(error).partition("seed ")[0].strip()[:300]
            sys.stdout.write(f"{seed}: {what} ({type(error).__name__}, {where.filename}:{where.lineno})\n")
        if seed % 50 == 0:
            gc.collect()
    count = seed + 1 - given.first
    wall, cpu = time.perf_counter() - begin, time.process_time() - spent
    core = "compiled" if compiled() else "pure"
    sys.stdout.write(
        f"{count} seeds, {len(failed)} failed; {count / wall * 60:.0f} a minute, "
        f"{count / cpu * 60:.0f} a minute of one processor ({core} core)\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
