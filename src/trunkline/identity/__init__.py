"""Who vouches for a caller: signed tokens and the certificates they stand on (STIR, RFC 8224 to 8226, 8588), pure."""
