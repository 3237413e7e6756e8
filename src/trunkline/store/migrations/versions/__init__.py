"""One file a version, frozen once released."""
