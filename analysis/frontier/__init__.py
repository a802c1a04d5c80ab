"""Which students no other dominates, over seeds and over time."""
