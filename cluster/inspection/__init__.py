"""This room tells whether every node of a cluster is fit for a sweep, and can hold its trials."""
