"""This module names what is logged of a sweep as a whole; MLflow's page groups names by what stands before the /."""

LIMIT, SPACE, FRONTIER, TRIALS = "limit/", "space/", "frontier/", "trials/"
RATIO, PARAMETERS = LIMIT + "ratio", LIMIT + "parameters"
HYPERVOLUME, BEST_FID = FRONTIER + "hypervolume", FRONTIER + "best_fid"
SPENT = "spent/kimg"
ALL_TRIALS = TRIALS + "all"
