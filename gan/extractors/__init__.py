"""This room reads images as features: the networks that quality is measured in, and how they are made and stored."""
