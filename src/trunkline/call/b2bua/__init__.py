"""One call: two legs, what crosses between them, the search for who answers, and what is written down (RFC 7092)."""
