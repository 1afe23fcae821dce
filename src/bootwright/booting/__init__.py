"""Booting a machine for somebody who uses it: boot, run and start, and the VM that they give."""
