"""The process that runs a sweep with Ray Tune, from its phases to the report."""
