"""One observation point: metrics, logs and traces."""
