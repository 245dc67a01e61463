"""Optimisers as the papers' frameworks have them, made of a run's settings."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

Weights = nn.Module | Iterable[nn.Parameter]


def learning_rate(settings: Mapping[str, Any]) -> float:
    """The published rate, times ``learning_rate_factor`` where a scale with few updates raises every method's."""
    return settings["learning_rate"] * settings.get("learning_rate_factor", 1)


def adam(weights: Weights, settings: Mapping[str, Any], rate: float | None = None, **options: Any) -> Adam:
    """Adam with the settings' ``beta1`` and ``beta2``; ``rate`` takes the place of their :func:`learning_rate`."""
    rate = learning_rate(settings) if rate is None else rate
    return Adam(_parameters(weights), rate, (settings["beta1"], settings["beta2"]), fused=True, **options)


def rmsprop(weights: Weights, rate: float) -> RMSprop:
    """PyTorch's: smoothing 0.99, ε 1e-8 beside the root."""
    return RMSprop(_parameters(weights), rate, foreach=True)


class TensorFlowRMSProp(Optimizer):
    """RMSProp as TensorFlow 1 has it: θ ← θ − η g / √(mean of g² + ε), a mean that decays from ``start``.

    PyTorch adds its ε outside of the root. That matters to the layers of a clipped critic whose gradients vanish:
    here they hardly move, there each takes a full step.
    """

    def __init__(self, weights: Weights, rate: float, start: float):
        super().__init__(_parameters(weights), {"lr": rate, "decay": 0.9, "eps": 1e-10})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["mean"] = torch.full_like(parameter, start, requires_grad=False)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = [parameter.grad for parameter in moved]
            means = [self.state[parameter]["mean"] for parameter in moved]
            torch._foreach_mul_(means, group["decay"])
            torch._foreach_addcmul_(means, gradients, gradients, 1 - group["decay"])
            roots = torch._foreach_add(means, group["eps"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(moved, gradients, roots, -group["lr"])


def read_from_device(optimiser: Optimizer, recorded: bool) -> None:
    """Where steps are ``recorded``, keep what changes between them on the device: counters, and of fused optimisers the
    rate. Otherwise undo that, for a state that a recorded training left.
    """
    for group in optimiser.param_groups:
        device = group["params"][0].device
        on_gpu = recorded and device.type == "cuda"
        if "capturable" in group:
            group["capturable"] = on_gpu
        if recorded and group.get("fused"):
            rate = group.setdefault("initial_lr", float(group["lr"]))
            # On a CPU as exact as the number was; the kernels of a GPU take float32.
            group["lr"] = torch.tensor(rate, dtype=torch.float32 if on_gpu else torch.float64, device=device)
        elif isinstance(group["lr"], Tensor):
            group["lr"] = group["initial_lr"]
        if not group.get("fused"):
            for state in (optimiser.state[parameter] for parameter in group["params"] if parameter in optimiser.state):
                if "step" in state:
                    state["step"] = state["step"].to(device if on_gpu else "cpu")


def fixed_rates(optimisers: Iterable[Optimizer]) -> list[float]:
    """The rates that steps do not read from the device."""
    groups = (group for optimiser in optimisers for group in optimiser.param_groups)
    return [group["lr"] for group in groups if not isinstance(group["lr"], Tensor)]


def scale_rate(optimiser: Optimizer, factor: float) -> None:
    """Give an optimiser ``factor`` times the rate that it began with, in place where the rate is a tensor."""
    for group in optimiser.param_groups:
        rate = group.setdefault("initial_lr", float(group["lr"])) * factor
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _parameters(weights: Weights) -> list[nn.Parameter]:
    return list(weights.parameters() if isinstance(weights, nn.Module) else weights)
