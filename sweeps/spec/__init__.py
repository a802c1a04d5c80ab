"""This room parses what a person states of a sweep, once: the specification, its space, its points and its template."""
