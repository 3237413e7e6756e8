"""The four transaction machines (RFC 3261 §17, RFC 6026) and the layer that finds the right one."""
