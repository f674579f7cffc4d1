"""What a setting may be, in the types that several have."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

DAY_S = 86_400.0
MIB = 1024 * 1024


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("an address or network is written as 192.0.2.7 or 192.0.2.0/24") from None


Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Threads = Annotated[int, Field(ge=1, le=64)]
Timeout = Annotated[float, Field(ge=0.1, le=DAY_S)]
Host = Annotated[str, Field(max_length=255)]
RowTemplate = Annotated[str, Field(max_length=500)]
Place = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
RateText = Annotated[str, Field(max_length=20)]
# Strict models take no list for a tuple, and TOML has only lists.
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(strict=False)]


class Section(BaseModel):
    """What all sections share: they never change, know every key, convert nothing and repeat no value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)
