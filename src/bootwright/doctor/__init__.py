"""Checks of this host and of what bootwright created on it, and fixes."""
