"""Experiments: what changes do to a boot, with statistics, and the search for the best of them."""
