"""What runs as PID 1 once the initramfs has handed over."""
