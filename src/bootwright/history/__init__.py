"""Every boot ever taken, in one SQLite file: what it left behind, its recipe, its host."""
