"""What nobody uses any more: found, listed, and removed on request."""
