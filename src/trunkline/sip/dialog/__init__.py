"""Dialogs (RFC 3261 §12) and what goes on inside them."""
