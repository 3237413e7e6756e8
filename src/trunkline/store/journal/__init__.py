"""The journal: an append-only file, its segments and frames, written before calls hear of it and read back."""
