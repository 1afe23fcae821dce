"""bootwright boots real Linux VMs fast and shows where every millisecond of a boot goes."""

__version__ = "0.1.0"
