"""The only place where things happen: it drives the pure machines with real I/O."""
