"""This room provides the place where the work is done: this machine in a Ray of its own, or a cluster."""
