"""Which trial comes next: queues, the Optuna study, and the rungs at which trials are stopped. It knows no Ray."""
