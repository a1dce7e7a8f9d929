"""What was decided at run time, so that a run which goes on decides and measures nothing anew."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import YoyakError
from ...models.compute import ComputeChoice
from ..engine import EngineChoice
from ..memory_plan import MemoryPlan


@dataclass(frozen=True)
class Resolved:
    """What a run has decided at its start.

    Attributes:
        compute: device, compute type and threads.
        engine: what computes the gradients, and its micro-batch.
        cache_dequantized: whether 4-bit weights are kept dequantized.
        recomputes: whether the trainer engine's layers compute their activations again.
        memory_plan: of the packed engine on a GPU.
        probes: what was found of the model's engines, by what they were for (see `models.probe`).
    """

    compute: ComputeChoice
    engine: EngineChoice
    cache_dequantized: bool
    recomputes: bool
    memory_plan: MemoryPlan | None = None
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Resolved":
        """Return what `as_dict` wrote."""
        plan = values["memory_plan"]
        return cls(
            ComputeChoice(**values["compute"]),
            EngineChoice(**values["engine"]),
            values["cache_dequantized"],
            values["recomputes"],
            MemoryPlan(**plan) if plan else None,
            values.get("probes", {}),  # runs of before there were probes go on as they began
        )

    def apply(self) -> None:
        """Compute with the same number of threads.

        Raises:
            YoyakError: the run was on another kind of device.
        """
        import torch

        here = "cuda" if torch.cuda.is_available() else "cpu"
        if here != self.compute.device:
            raise YoyakError(
                f"the run was on {self.compute.device}, here is {here}: it can't go on; begin anew with --overwrite"
            )
        if torch.get_num_threads() != self.compute.threads:
            torch.set_num_threads(self.compute.threads)
