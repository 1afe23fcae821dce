"""What is ours, what is wrong, why, and how it is mended."""
