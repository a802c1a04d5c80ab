"""This room keeps what is known of sweeps and trials, whoever is away: runs, journals, leases, locks and folders."""
