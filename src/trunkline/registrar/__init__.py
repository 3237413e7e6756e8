"""Address-of-record bindings (RFC 3261 §10), pure."""
