"""What is known and kept of sweeps and trials, whoever is away: MLflow's runs, journals, leases and folders."""
