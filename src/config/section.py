"""What settings are made of: the base class of all sections, and the types that several of them have."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..text_forms import plain_name

ColumnName = Annotated[str, AfterValidator(plain_name)]
Fraction = Annotated[float, Field(ge=0, le=1)]
MOST = 10**9
"""Of any count or factor: what is above it is a slip, and would fill the memory or end in an overflow."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
PositiveFloat = Annotated[float, Field(gt=0, le=MOST)]


class Section(BaseModel):
    """Base of all sections: unknown keys fail, values are checked on assignment, docstrings are the help texts.

    `scripts/docs_settings.py` reads those: pydantic would read this file anew for each section at every start.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, validate_assignment=True, protected_namespaces=()
    )
