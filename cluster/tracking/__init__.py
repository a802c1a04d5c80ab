"""This room runs the MLflow server: for one person, for a team, with its database, accounts, artifacts and clock."""
