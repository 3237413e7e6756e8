"""Calls that change their parties (RFC 5589): REFER, Replaces, what operators command."""
