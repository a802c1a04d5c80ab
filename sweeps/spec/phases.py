"""This module has the phases of a sweep as configurations take them: as members, or as their words."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from analysis import Phase

PHASES = tuple(Phase)  # in the order in which they run
_WORDS = WithJsonSchema({"enum": [str(phase) for phase in PHASES], "type": "string"})  # as an editor shows them
PhaseField = Annotated[Phase, Field(strict=False), _WORDS]  # not strict, so that a word is its member
