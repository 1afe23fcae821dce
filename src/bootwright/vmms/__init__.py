"""One module for each VMM, and the protocol that all of them obey."""
