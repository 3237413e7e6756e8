"""Who is calling, whether there is room, and whether the peer is well, pure."""
