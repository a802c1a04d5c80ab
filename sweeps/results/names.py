"""This module names what is logged of a sweep as a whole; MLflow's page groups names by what stands before the /."""

RATIO, PARAMETERS = "limit/ratio", "limit/parameters"
HYPERVOLUME, BEST_FID = "frontier/hypervolume", "frontier/best_fid"
SPENT = "spent/kimg"
TRIALS = "trials/"
ALL_TRIALS = TRIALS + "all"
