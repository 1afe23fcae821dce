"""Machines: starting one, following it, logging in to it, and reclaiming what dead ones left."""
