"""The command line."""

from sweeps.cli.app import main

__all__ = ["main"]
