"""The MLflow server as a process: for one person, for a team, its database, accounts, artifacts and clock."""
