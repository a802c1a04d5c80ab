"""This room has a cluster as a driver or a person sees it: sessions, jobs, shares of it, and its dashboard."""
