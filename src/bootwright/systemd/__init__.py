"""systemd's units in an image, read without booting it: files, presets, generators, the graph."""
