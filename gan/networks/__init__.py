"""This room builds generators and critics, runs them side by side, stores and imports them, and counts their cost."""
