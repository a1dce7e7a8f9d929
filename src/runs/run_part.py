"""What every part of a run's records is made of."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

T = TypeVar("T")
Number = int | float


def _without_nulls(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


Known = Annotated[dict[str, T], BeforeValidator(_without_nulls)]
"""A mapping in which null says the same as a missing key."""


class RunPart(BaseModel):
    """Base of all parts: null is the same as a missing key."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        """Leave out nulls where a part, a mapping or a text must be; others are kept, so that they are written."""
        if not isinstance(value, dict):
            return value
        must_be = {name for name, field in cls.model_fields.items() if field.default is not None}
        return {key: item for key, item in value.items() if item is not None or key not in must_be}

    def as_dict(self) -> dict[str, Any]:
        """Return what was set, ready for JSON."""
        return self.model_dump(by_alias=True, exclude_unset=True)
