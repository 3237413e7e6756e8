"""The comparison as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import NamedTuple

from loadtest.latency import SetUp
from loadtest.measure import Load


class Comparison(NamedTuple):
    machine: dict[str, str]
    versions: dict[str, str]
    work: dict[str, str]
    same_rate: list[Load]
    capacity: dict[str, float]
    own_rate: list[Load]
    """At 80 % of each one's own capacity."""
    set_up: list[SetUp]
    remarks: list[str]


def write(found: Comparison, folder: Path) -> Path:
    """Returns the table's path; the JSON lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{found.machine['date'].replace(':', '').replace('-', '')}"
    values = found._asdict() | {
        "same_rate": [_plain(run) for run in found.same_rate],
        "own_rate": [_plain(run) for run in found.own_rate],
        "set_up": [run._asdict() for run in found.set_up],
    }
    (folder / f"{stem}.json").write_text(json.dumps(values, indent=1) + "\n")
    path = folder / f"{stem}.md"
    path.write_text(table(found))
    return path


def table(found: Comparison) -> str:
    lines = ["# The same call on each edge", ""]
    lines += [f"- {name}: {value}" for name, value in (*found.machine.items(), *found.versions.items())]
    lines += [f"- {name} does: {value}" for name, value in found.work.items()]
    if found.same_rate:
        lines += ["", f"## CPU per call at {found.same_rate[0].rate:g} calls/s, median", "", *_cpu(found.same_rate)]
    if found.capacity:
        lines += ["", "## Capacity", "", "| edge | calls/s |", "|---|---|"]
        lines += [f"| {name} | {rate:g} |" for name, rate in found.capacity.items()]
    if found.own_rate:
        lines += ["", "## CPU per call at 80 % of each one's capacity, median", "", *_cpu(found.own_rate)]
    if found.set_up:
        lines += ["", "## Added set-up time", ""]
        lines += ["| edge | calls/s | added p50 | added p99 | inside p50 | inside p99 | calls |", "|" + "---|" * 7]
        lines += [
            f"| {run.edge} | {run.rate:g} | {_ms(run.added_p50)} | {_ms(run.added_p99)} | {_ms(run.inside_p50)} "
            f"| {_ms(run.inside_p99)} | {run.samples} |"
            for run in found.set_up
        ]
    if found.remarks:
        lines += ["", *(f"- {remark}" for remark in found.remarks)]
    return "\n".join([*lines, ""])


def typical(runs: list[Load]) -> dict[str, Load]:
    """The run with the median CPU per call, by edge."""
    by_edge: dict[str, list[Load]] = {}
    for run in runs:
        by_edge.setdefault(run.edge, []).append(run)
    middle = {}
    for name, group in by_edge.items():
        cost = median(run.microseconds for run in group)
        middle[name] = min(group, key=lambda run: abs(run.microseconds - cost))
    return middle


def _cpu(runs: list[Load]) -> list[str]:
    middle = typical(runs)
    peers = [name for name in middle if name != "trunkline"]
    head = ["edge", "calls/s", "µs/call", "all runs", *(f"× {name}" for name in peers)]
    head += ["failed", "retransmitted", "dropped", "records"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, run in middle.items():
        spread = ", ".join(f"{other.microseconds:.0f}" for other in runs if other.edge == name)
        ratios = [f"{run.microseconds / middle[peer].microseconds:.2f}" for peer in peers]
        together = [other for other in runs if other.edge == name]
        cells = [name, f"{run.rate:g}", f"{run.microseconds:.0f}", spread, *ratios]
        cells += [str(sum(other.failed for other in together)), str(sum(other.retransmitted for other in together))]
        cells += [str(sum(other.dropped for other in together))]
        cells += ["none kept" if run.records is None else "all" if all(o.complete for o in together) else "MISSING"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _plain(run: Load) -> dict[str, object]:
    return run._asdict() | {"microseconds_per_call": round(run.microseconds, 1), "kept_up": run.kept_up}


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.2f} ms"
