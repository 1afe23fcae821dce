"""Building kernels: profiles, source, config, make; and explaining configs."""
