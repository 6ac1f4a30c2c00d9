"""What the models of a record are made of: bounded types, and fields that came with a later version."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

Text = Annotated[str, StringConstraints(strict=True, max_length=1000)]
Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
Sha256 = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
Seal = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{16}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Field(strict=True, ge=0)]
Flag = Annotated[bool, Field(strict=True)]
Frequency = Literal["r", "c", "f"]
HyperParameter = Flag | Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)] | Text

# The version that brought a field that may be absent; all others came with version 2. Boxes and masks were there from
# the start; masks may be absent since version 4, boxes since version 6.
SINCE = {
    **{"bbox": 1, "segm": 1, "evidence": 3, "seal": 3, "features": 4, "elsewhere": 5},
    **{"skipped_steps": 7, "calibration": 8, "image_files": 9},
}


def _in_unit_interval_or_absent(value: float) -> float:
    if value != -1 and not 0 <= value <= 1:
        raise ValueError("expected a value in [0, 1], or -1 where there is no ground truth")
    return value


AveragePrecision = Annotated[float, Field(strict=True), AfterValidator(_in_unit_interval_or_absent)]
Difference = Annotated[float, Field(strict=True, ge=-1, le=1)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Extended(Model):
    """A model with fields that a record may lack: those with default None. What is absent is not written."""

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        absent = {key for key in self._may_be_absent() if getattr(self, key) is None}
        return self._written({key: value for key, value in content.items() if key not in absent})

    def _written(self, content: dict[str, Any]) -> dict[str, Any]:
        """What is written of all that is there."""
        return content

    def extensions(self) -> list[str]:
        """The fields that version 1 did not have and that this model has."""
        return [key for key in self._may_be_absent() if since(key) > 1 and getattr(self, key) is not None]

    @classmethod
    def _may_be_absent(cls) -> list[str]:
        return [key for key, field in cls.model_fields.items() if field.default is None]


def since(field: str) -> int:
    """The version of the schema that brought a field that may be absent."""
    return SINCE.get(field, 2)
