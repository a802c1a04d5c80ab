"""What a sweep would take, measured for a moment: its hours, its memory, and how many trials share a GPU."""
