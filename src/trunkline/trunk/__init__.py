"""Who is calling, whether there is room, whether the peer is well, and which addresses failed lately, pure."""
