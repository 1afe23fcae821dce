"""A disk for each machine, its own to write on, whatever the image's size."""
