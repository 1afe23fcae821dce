"""Probes: checks in a booted machine that it works like a real computer."""
