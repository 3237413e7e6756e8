"""Prometheus' text, built when somebody scrapes, from the ints that are there anyway.

Label sets are bounded where they are counted: a scanner's inventions never become series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline import __version__
from trunkline.telemetry.observe import Observer
from trunkline.telemetry.tally import Histogram, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Counts = Callable[[], Mapping[str, float]]


class Metrics:
    """All series of the process."""

    def __init__(
        self,
        observer: Observer,
        tables: Iterable[Counts] = (),
        counters: Iterable[Counts] = (),
        expiries: Iterable[Counts] = (),
        trunks: Counts = dict,
        agents: Counts = dict,
    ) -> None:
        """`tables` give what stands now (transactions, calls, connections, descriptors, …), `counters` what has been
        since the start, `expiries` when each listener's certificate ends (Unix seconds), `trunks` and `agents` which of
        those that are probed are reached; each is asked when scraped."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Edge(observer, tuple(tables), tuple(counters), tuple(expiries), trunks, agents))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> str:
        return generate_latest(self._registry).decode()


class _Edge(Collector):
    def __init__(
        self,
        observer: Observer,
        tables: tuple[Counts, ...],
        counters: tuple[Counts, ...],
        expiries: tuple[Counts, ...],
        trunks: Counts,
        agents: Counts,
    ) -> None:
        self._observer = observer
        self._tables = tables
        self._counters = counters
        self._expiries = expiries
        self._trunks = trunks
        self._agents = agents

    def collect(self) -> Iterator[Metric]:
        seen = self._observer
        info = GaugeMetricFamily("trunkline_build_info", "The version that runs.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield CounterMetricFamily("trunkline_calls_begun", "Calls admitted and being set up.", value=seen.begun)
        yield CounterMetricFamily("trunkline_calls_answered", "Calls that an agent answered.", value=seen.answered)
        yield _tally(
            "trunkline_calls_ended", "Calls over, those refused to a known trunk included.", seen.ended,
            "direction", "status", "cause",
        )  # fmt: skip
        yield _tally("trunkline_trunk_calls", "Calls over, by trunk.", seen.trunk_calls, "trunk", "status")
        yield _tally("trunkline_events", "What the core observed.", seen.events, "kind", "reason", "status")
        yield _histogram("trunkline_call_ring_delay_seconds", "From the INVITE until an agent rang.", seen.ring_delays)
        yield _histogram("trunkline_call_setup_seconds", "From the INVITE until an agent answered.", seen.setup_delays)
        yield _histogram("trunkline_call_duration_seconds", "From answer to end.", seen.durations)
        messages = CounterMetricFamily(
            "trunkline_messages", "SIP messages, by method or status; of those that came, the ones of calls.",
            labels=["direction", "kind"],
        )  # fmt: skip
        for direction, counts in (("in", seen.heard), ("out", seen.transmitted)):
            for kind, count in counts.items():
                messages.add_metric([direction, kind.decode("ascii", "replace")], count)
        yield messages
        trunks = GaugeMetricFamily("trunkline_trunk_reachable", "Whether probes reach the trunk.", labels=["trunk"])
        yield _asked(trunks, (self._trunks,))
        agents = GaugeMetricFamily(
            "trunkline_agent_reachable", "Whether its own probes reach the agent.", labels=["agent"]
        )
        yield _asked(agents, (self._agents,))
        yield _asked(GaugeMetricFamily("trunkline_table", "What stands now.", labels=["table"]), self._tables)
        yield _asked(CounterMetricFamily("trunkline_count", "What passed.", labels=["what"]), self._counters)
        expiries = GaugeMetricFamily(
            "trunkline_certificate_expires_seconds",
            "When a listener's certificate ends, Unix time.",
            labels=["listener"],
        )
        yield _asked(expiries, self._expiries)


def _tally(name: str, words: str, tally: Tally, *labels: str) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    for values, count in tally:
        family.add_metric(values, count)
    return family


def _histogram(name: str, words: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, words, buckets=histogram.cumulative(), sum_value=histogram.sum)


def _asked(family: GaugeMetricFamily | CounterMetricFamily, sources: tuple[Counts, ...]) -> Metric:
    for source in sources:
        for name, value in source().items():
            family.add_metric([name], value)
    return family
