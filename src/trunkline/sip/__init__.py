"""RFC 3261 and friends as pure values and machines: no I/O, no clock, no chance of its own."""
