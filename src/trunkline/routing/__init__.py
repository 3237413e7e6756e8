"""Which number a call asks for and which agents answer it, pure."""
