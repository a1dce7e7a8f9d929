"""torch's fused AdamW, whose tensors are looked up once and not at each step."""

from collections.abc import Callable
from typing import Any

import torch

_Lists = tuple[list[torch.Tensor], ...]  # parameters, gradients, means, squares and steps of a group
_EMPTY: _Lists = ([], [], [], [], [])


class PreparedAdamW(torch.optim.AdamW):
    """AdamW for gradients that stay where they are, as those of a `GradientBuffer` do.

    States, groups and every bit of a step are those of torch's, which takes the host some 6 ms for 420 tensors.
    """

    _prepared: list[tuple[_Lists, torch.Tensor]] | None = None
    _states: list[dict[str, Any]]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make a step; it is torch's own where a tensor is new, missing, or of another type than the others."""
        if closure is not None or not self._holds():
            result: float | None = super().step(closure)  # makes the states that are missing
            self._prepare()
            return result
        assert self._prepared is not None
        scale, found = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        for group, (lists, together) in zip(self.param_groups, self._prepared, strict=True):
            parameters, gradients, means, squares, steps = lists
            if not parameters:
                continue
            together.add_(1)
            beta1, beta2 = group["betas"]
            torch._fused_adamw_(
                parameters, gradients, means, squares, [], steps, lr=group["lr"], beta1=beta1, beta2=beta2,
                weight_decay=group["weight_decay"], eps=group["eps"], amsgrad=False, maximize=group["maximize"],
                grad_scale=scale, found_inf=found,
            )  # fmt: skip
            if found is not None:
                together.sub_(found)
        return None

    def _holds(self) -> bool:
        """Tell whether the tensors are still those of the last step. States are only ever replaced all at once."""
        if self._prepared is None:
            return False
        firsts = [lists[0][0] for lists, _ in self._prepared if lists[0]]
        if any(self.state.get(first) is not state for first, state in zip(firsts, self._states, strict=True)):
            return False
        pairs = [zip(lists[0], lists[1], strict=True) for lists, _ in self._prepared]
        return all(parameter.grad is gradient for of_group in pairs for parameter, gradient in of_group)

    def _prepare(self) -> None:
        """Look the tensors up, and lay each group's counts of steps side by side, of which the states have views."""
        self._prepared = None
        found: list[_Lists] = []
        for group in self.param_groups:
            rows = [self._row(parameter) for parameter in group["params"]]
            kinds = {(tensor.device, tensor.dtype) for row in rows for tensor in row[:4] if tensor is not None}
            missing = any(tensor is None for row in rows for tensor in row)
            unlike = group["amsgrad"] or not group["fused"] or isinstance(group["lr"], torch.Tensor)
            if missing or len(kinds) > 1 or unlike:
                return
            found.append(tuple(map(list, zip(*rows, strict=True))) or _EMPTY)
        together = [torch.stack(lists[4]) if lists[4] else torch.empty(0) for lists in found]
        for lists, counts in zip(found, together, strict=True):
            lists[4][:] = counts.unbind()
            for parameter, count in zip(lists[0], lists[4], strict=True):
                self.state[parameter]["step"] = count
        self._states = [self.state[lists[0][0]] for lists in found if lists[0]]
        self._prepared = list(zip(found, together, strict=True))

    def _row(self, parameter: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        state = self.state.get(parameter, {})
        return parameter, parameter.grad, state.get("exp_avg"), state.get("exp_avg_sq"), state.get("step")


def prepared(optimizer_class: type, options: dict[str, Any]) -> type:
    """Return what computes the same as an optimizer's class with such options, with less work for the host."""
    return PreparedAdamW if optimizer_class is torch.optim.AdamW and options.get("fused") else optimizer_class
