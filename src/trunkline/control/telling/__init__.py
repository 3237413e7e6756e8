"""Webhooks, and the sending of what they are told."""
