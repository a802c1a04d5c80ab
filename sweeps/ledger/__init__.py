"""Keeps what is known of sweeps and trials, whoever is away: MLflow's runs, journals, leases, locks and folders."""
