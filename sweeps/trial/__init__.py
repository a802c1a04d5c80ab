"""This room runs one trial as a worker does: the request, its log, and the training itself."""
