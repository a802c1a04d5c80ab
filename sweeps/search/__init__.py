"""This room decides which trial comes next: queues, the Optuna study, the rungs that stop trials. It knows no Ray."""
