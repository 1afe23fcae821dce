"""The initramfs, and the scripts that run in a guest."""
