"""Generators and critics: how they are built, run side by side, stored, imported, and what they cost."""
