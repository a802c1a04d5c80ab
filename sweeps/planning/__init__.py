"""This room tells what a sweep would take: its points, its hours, its memory, and how many trials share a GPU."""
