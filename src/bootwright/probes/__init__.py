"""What a real computer must be able to do, checked in a booted machine."""
