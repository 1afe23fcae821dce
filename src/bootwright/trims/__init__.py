"""Trims: the units that a boot of systemd does not start, found from the unit graph."""
