"""Calls as operators see and command them: the log, those going on, what they cost, what one would meet."""
