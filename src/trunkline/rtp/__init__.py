"""RTP packets (RFC 3550, 3551, 4733), pure."""
