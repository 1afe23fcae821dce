"""Marks become phases; data in, data out."""
