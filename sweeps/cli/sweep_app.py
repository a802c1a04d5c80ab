"""The group of commands `ganlimit sweep`."""

import typer

sweep_app = typer.Typer(help="Searches over students, here or on a cluster.", no_args_is_help=True)
