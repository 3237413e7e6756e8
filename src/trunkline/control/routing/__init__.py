"""Trunks, agents and numbers: what calls are routed by, as operators make and change it."""
