"""Whether Flash Linear Attention computes the gated delta rules of a run on this machine's own card."""

from ..planner.devices import Device
from ..planner.machine import detected_card
from ..planner.model_shape import ModelShape


def flash_is_here(shape: ModelShape, device: Device) -> bool:
    """Tell whether a plan's card is this machine's, and the library would train such layers on it."""
    card = detected_card() if shape.delta is not None and not device.cpu else None
    if shape.delta is None or card is None or device.name.lower() not in card[0].lower():
        return False
    import torch

    from ..kernels.requirements import flash_delta_obstacle

    return torch.cuda.is_available() and flash_delta_obstacle(torch.device("cuda", 0), shape.delta.key_width) is None
