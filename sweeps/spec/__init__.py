"""This room parses what a person states of a sweep, once: the specification, its space and its template."""
