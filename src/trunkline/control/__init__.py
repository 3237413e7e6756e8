"""What operators may change and ask: a service per resource; no HTTP, no SQL."""
