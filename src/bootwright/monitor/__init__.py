"""The monitor: the process that owns one VMM and all resources of its machine."""
