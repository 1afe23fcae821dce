"""What runs as PID 1 once the seed has handed over."""
