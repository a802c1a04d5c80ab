"""From a batch to a trained generator: distilled from a teacher's pool, or trained from scratch against a critic."""
