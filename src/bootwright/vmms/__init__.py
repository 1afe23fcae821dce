"""One module for each VMM, and their common protocol."""
