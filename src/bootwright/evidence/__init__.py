"""Booting machines to learn where their time goes: what a boot leaves behind, collected."""
