"""This room is the command line: it gives every function a command."""

from sweeps.cli.app import main

__all__ = ["main"]
