"""The search for a best set of changes, in few tests."""
