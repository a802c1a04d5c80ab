"""This room tells what is right and what is wrong before a sweep begins, on this machine and on a cluster."""
