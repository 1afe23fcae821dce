"""Trims: what a boot of systemd leaves out, worked out from the unit graph."""
