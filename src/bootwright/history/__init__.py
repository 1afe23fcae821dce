"""The history: all boots with their evidence, recipe and host, in one SQLite file."""
