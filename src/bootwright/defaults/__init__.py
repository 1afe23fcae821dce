"""The values that a recipe gets where the user gives none, each with its reason."""
