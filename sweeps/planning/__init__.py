"""This room measures for a moment what a sweep would take: its hours, its memory, and how many trials share a GPU."""
