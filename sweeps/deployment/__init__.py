"""This room takes generators of a sweep, or stored elsewhere, to what a device runs."""
