"""This module has the base of every configuration: frozen, checked at birth, unknown keys refused."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A Config is a frozen, validated value. Two equal configurations have equal digests."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
