"""What can be seen of the edge: counts, metrics, log lines and traces, all from the core's own outputs."""
