"""This room runs a sweep with Ray Tune, from its phases to its report."""
