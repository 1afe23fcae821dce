"""PID 1's part of a timeline: from what systemd or /proc tell to spans."""
