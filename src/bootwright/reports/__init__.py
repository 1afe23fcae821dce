"""What people and programs read; data in, text out."""
