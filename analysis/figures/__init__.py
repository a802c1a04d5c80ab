"""Publication figures: one column wide, the same table gives the same bytes."""
