"""Why a file, a block device or a mount point is busy."""
