"""Recipes: all that decides how one guest boots, what a user may say of it, and changes to it."""
