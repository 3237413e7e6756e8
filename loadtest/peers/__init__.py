"""Foreign SIP programs as peers on the loopback: what our own client cannot prove, they do."""
