"""The kernel's part of a timeline: from its log to spans."""
