"""Drafts and recipe files, by the names that some modules still import them by."""

from bootwright.draft import Draft, merged
from bootwright.recipe_file import read, to_toml, toml_table
from bootwright.size import parse as parse_size

__all__ = ["Draft", "merged", "parse_size", "read", "to_toml", "toml_table"]
