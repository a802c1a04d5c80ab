"""This room makes this machine a cluster's head or node: starts it in the background, remembers it, ends it."""
