"""What a person states of a sweep, parsed once: the specification, its space, points and template."""
