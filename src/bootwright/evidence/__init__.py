"""Booting machines and collecting the evidence of where their time goes."""
