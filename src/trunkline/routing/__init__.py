"""Which number a call asks for, which agents answer it, and which carriers take a call out, pure."""
