"""How a machine reaches the world, and the host reaches it."""
