"""A sweep's rows, and all that shows them to people: report, paper, comparison, export and status."""
