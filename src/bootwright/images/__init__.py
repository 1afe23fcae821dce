"""Root filesystems: where they come from, and the shelf that holds them."""
