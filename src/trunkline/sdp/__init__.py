"""Session descriptions (RFC 8866), the offer/answer model over them (RFC 3264), and what our trunks allow in them."""
