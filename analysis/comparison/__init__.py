"""This room compares one way of making students with another, and one sweep with another."""
