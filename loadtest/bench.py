"""The comparison: this edge, Kamailio with the same work, and sippy, over the same call on the same machine.

Absolute figures move with the machine and with what else runs on it; the ratios of one run are what counts. The order
of the edges is rotated from round to round, so that none is always the first on a cool machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loadtest import capacity, latency, report, sipp
from loadtest.edges import Edge
from loadtest.edges.kamailio import Kamailio, binary
from loadtest.edges.sippy import Sippy, installed
from loadtest.edges.trunkline import Trunkline
from loadtest.latency import SetUp
from loadtest.machine import describe
from loadtest.measure import Load, load
from loadtest.process import Failed, alone

RESULTS = Path(__file__).parent / "results"
SAME_RATE = 200.0
BEGIN = {"trunkline": 500.0, "kamailio": 900.0, "sippy": 200.0}
"""Where the search for capacity begins; wrong guesses cost steps, not truth."""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    with alone():
        return compare(options)


def compare(options: argparse.Namespace) -> int:
    """Measures, prints and writes; returns the exit status."""
    remarks: list[str] = []
    edges = _edges(options.only, remarks)
    if not edges:
        print("no edge to measure", *remarks, sep="\n", file=sys.stderr)
        return 2
    machine = describe(Path(sys.executable))
    rounds, seconds = (1, 10.0) if options.quick else (options.rounds, options.seconds)

    print(f"CPU per call at {options.rate:g} calls/s")
    same_rate = _rounds(edges, dict.fromkeys((edge.name for edge in edges), options.rate), rounds, seconds, remarks)
    found: dict[str, float] = {}
    own_rate: list[Load] = []
    set_up: list[SetUp] = []
    if not options.quick:
        for edge in list(edges):
            print(f"capacity of {edge.name}")
            found[edge.name] = capacity.search(edge, BEGIN[edge.name], options.search_seconds, _tell)
        able = [edge for edge in edges if found[edge.name]]
        print("CPU per call at 80 % of capacity")
        own_rate = _rounds(able, {edge.name: round(0.8 * found[edge.name]) for edge in able}, rounds, seconds, remarks)
        print("added set-up time at half of capacity")
        set_up = _set_ups(able, {edge.name: round(0.5 * found[edge.name]) for edge in able}, seconds, remarks)
    else:
        set_up = _set_ups(edges, dict.fromkeys((edge.name for edge in edges), options.rate), 5.0, remarks)

    comparison = report.Comparison(
        machine=machine,
        versions={edge.name: edge.version for edge in edges} | {"SIPp": sipp.version()},
        work={edge.name: edge.work for edge in edges},
        same_rate=same_rate,
        capacity=found,
        own_rate=own_rate,
        set_up=set_up,
        remarks=remarks,
    )
    path = report.write(comparison, RESULTS)
    print("", report.table(comparison), f"written to {path}", sep="\n")
    missing = [run for run in (*same_rate, *own_rate) if not run.complete]
    for run in missing:
        print(f"{run.edge}: {run.completed} calls completed, {run.records} in its log", file=sys.stderr)
    return 1 if missing else 0


def _rounds(edges: list[Edge], rates: dict[str, float], rounds: int, seconds: float, remarks: list[str]) -> list[Load]:
    runs = []
    for number in range(rounds):
        turn = number % len(edges) if edges else 0
        for edge in edges[turn:] + edges[:turn]:
            try:
                run = load(edge, rates[edge.name], seconds)
            except Failed as failure:
                remarks.append(f"{edge.name} at {rates[edge.name]:g} calls/s: {failure}")
                print(f"  {remarks[-1]}", flush=True)
                continue
            _tell(run)
            runs.append(run)
    return runs


def _set_ups(edges: list[Edge], rates: dict[str, float], seconds: float, remarks: list[str]) -> list[SetUp]:
    found = []
    for edge in edges:
        rate = rates[edge.name]
        try:
            run = latency.set_up(edge, rate, seconds, latency.direct(rate, min(seconds, 8.0)))
        except Failed as failure:
            remarks.append(f"set-up time of {edge.name}: {failure}")
            print(f"  {remarks[-1]}", flush=True)
            continue
        print(f"  {run.edge:10} {run.rate:5g}/s  added p99 {run.added_p99 * 1000:.2f} ms", flush=True)
        found.append(run)
    return found


def _edges(only: str | None, remarks: list[str]) -> list[Edge]:
    wanted = only.split(",") if only else ["trunkline", "kamailio", "sippy"]
    edges: list[Edge] = []
    for name in wanted:
        try:
            if name in {"trunkline", "edge"}:
                edges.append(Trunkline())
            elif name == "kamailio":
                binary()
                edges.append(Kamailio())
            elif name == "sippy":
                installed()
                edges.append(Sippy())
            else:
                remarks.append(f"{name}: no such edge (trunkline, kamailio, sippy)")
        except Failed as failure:
            remarks.append(f"{name}: {failure}")
    return edges


def _tell(run: Load) -> None:
    state = "" if run.kept_up else "  behind"
    print(
        f"  {run.edge:10} {run.rate:5g}/s  {run.microseconds:6.0f} µs/call  {run.completed}/{run.calls} calls"
        f"  {run.retransmitted} retransmitted  {run.dropped} dropped{state}",
        flush=True,
    )
    if run.failed and run.complaint:
        print("    " + " ".join(run.complaint.split())[:300], flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description="CPU per call, capacity and set-up time.")
    parser.add_argument("--only", help="edges to measure, by comma: trunkline, kamailio, sippy")
    parser.add_argument("--rate", type=float, default=SAME_RATE, help="calls a second for all (%(default)g)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, of which the median counts (%(default)s)")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of a run (%(default)g)")
    parser.add_argument("--search-seconds", type=float, default=6.0, help="length of a search's step (%(default)g)")
    parser.add_argument("--quick", action="store_true", help="one run of ten seconds each, no search for capacity")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
