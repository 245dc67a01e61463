"""What a paper provides: networks, optimisers, one update step, and how to sample. The loop does the rest."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from common.data.batches import Batches
from common.experiments.papers import resolve


class Method:
    """Base of every paper's method.

    A sub-class builds ``self.networks`` in ``__init__`` (each put in place with :meth:`place`) and
    ``self.optimisers`` in :meth:`make_optimisers`, names the scalars that :meth:`step` returns in ``curves``,
    and samples with :meth:`sample`.

    ``settings`` are the run's own; ``shape`` is one sample's: (channels, height, width), (channels, frames, height,
    width) or (d,).
    """

    curves: ClassVar[tuple[str, ...]] = ()
    sampled: ClassVar[tuple[str, ...]] = ("generator",)  # the networks that a snapshot keeps

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        self.settings = settings
        self.shape = shape
        self.device = device
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the memory layout that convolutions are quickest in."""
        return network.to(self.device, memory_format=torch.channels_last)

    def noise(self, count: int) -> Tensor:
        """z ~ N(0, I), (count, latent_size)"""
        return torch.randn(count, self.settings["latent_size"], device=self.device)

    def autocast(self) -> AbstractContextManager:
        """bfloat16 where the settings' ``precision`` says so; float32 otherwise."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.get("precision") == "bfloat16")

    def make_optimisers(self) -> None:
        """Fill ``self.optimisers``; called before training and not for mere sampling."""
        raise NotImplementedError

    def update(self, name: str, loss: Tensor) -> None:
        """One step of the optimiser of that name down ``loss``."""
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[name].step()

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        """One generator update and the critic updates that belong to it; ``t`` counts from 0.

        Returns one 0-d tensor per name in ``curves``, left on the device.
        """
        raise NotImplementedError

    def sample(self, count: int) -> Tensor:
        """``count`` fresh samples, as float tensors of the data's shape."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint must keep for the training to continue to the same bits."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave, once there are optimisers. RuntimeError where networks differ."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])

    def snapshot(self) -> dict[str, Any]:
        """What is needed to sample later as the method would now."""
        return {name: self.networks[name].state_dict() for name in self.sampled}

    def load_snapshot(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`snapshot` gave; needs no optimisers."""
        for name in self.sampled:
            self.networks[name].load_state_dict(state[name])


def build_method(settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device) -> Method:
    """The method that the settings name, with fresh networks on ``device``; ``shape`` is one sample's, as above."""
    return resolve(settings["method"])(settings, shape, device)
