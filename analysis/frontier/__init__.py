"""This room says which students no other dominates, over seeds and over time."""
