"""This module names what is logged of a sweep as a whole; MLflow's page groups names by what stands before the /."""

from sweeps.ledger.tags import TAG

LIMIT, SPACE, FRONTIER, TRIALS = "limit/", "space/", "frontier/", "trials/"
RATIO, PARAMETERS, BYTES = LIMIT + "ratio", LIMIT + "parameters", LIMIT + "bytes"
HYPERVOLUME, BEST_FID = FRONTIER + "hypervolume", FRONTIER + "best_fid"
FRONTIER_SIZE = FRONTIER + "students"
SPENT = "spent/kimg"
ALL_TRIALS = TRIALS + "all"
# Tags of how far a sweep was shown: MLflow's step of its numbers, and the kimg up to which its curves are drawn.
SHOWN_STEP, SHOWN_KIMG = TAG + "shown_step", TAG + "shown_kimg"
