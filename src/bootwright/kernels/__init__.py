"""Bootable kernels: where they come from, and what belongs to them."""
