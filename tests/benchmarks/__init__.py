"""What measures speed, each a command: python -m tests.benchmarks.NAME. See README.md."""
