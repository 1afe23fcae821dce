"""Machines: from a recipe to a running VM to nothing left behind."""
