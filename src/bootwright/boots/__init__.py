"""Boots for somebody who uses the machine: boot, run and start, and the VM that they give."""
