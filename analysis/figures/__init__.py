"""This room draws publication figures: one column wide, and the same table gives the same bytes."""
