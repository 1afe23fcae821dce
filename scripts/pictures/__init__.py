"""The pictures of README and docs: two real boots, the rooms, and the course of one boot."""
