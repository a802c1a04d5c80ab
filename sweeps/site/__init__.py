"""Where the work is done: this machine in a Ray of its own, or a cluster, and how a sweep gets there."""
