"""This module has the base of every configuration: frozen, checked at birth, unknown keys refused."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _usable(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"a path has no null character, got {text!r}; write the path alone")
    try:
        Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"~ is the home of a user of this machine, got {text!r}; write the folder out") from error
    return text


PathText = Annotated[str, Field(min_length=1), AfterValidator(_usable)]  # ~ stands for a home, and is left in it


class Config(BaseModel):
    """A Config is a frozen, validated value. Two equal configurations have equal digests."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
