"""One trial as a worker runs it: what it is asked to do, its log, and the training itself."""
