"""Decides which trial comes next: queues, the Optuna study, and the rungs that stop trials. It knows no Ray."""
