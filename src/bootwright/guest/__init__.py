"""What we carry into a guest, and the little programs that run there."""
