"""This room reads a sweep's rows and shows them to people: report, paper, comparison, export and status."""
