"""What a paper provides: networks, optimisers, one update, and how to sample. The loop does the rest."""

from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from common.data.batches import Batches
from common.experiments.papers import resolve
from common.training.ema import MovingAverage
from common.training.optim import scale_rate
from common.training.schedule import Schedule, constant


class Method:
    """Base of every paper's method.

    A sub-class builds ``self.networks`` in ``__init__`` (each put in place with :meth:`to_device`) and
    ``self.optimisers`` in :meth:`make_optimisers`, names the scalars that :meth:`step` returns in ``curves``,
    and samples with :meth:`sample`.

    ``settings`` are the run's own; ``shape`` is one sample's: (channels, height, width), (channels, frames, height,
    width) or (d,).
    """

    curves: ClassVar[tuple[str, ...]] = ()
    sampled: ClassVar[tuple[str, ...]] = ("generator",)  # the networks that a snapshot keeps
    schedule: Schedule = staticmethod(constant)  # the factor of all learning rates over the run
    layout_on_cpu: ClassVar[torch.memory_format] = torch.channels_last  # a GPU takes that for all
    largest_gradient: ClassVar[float | None] = None  # every element of a gradient is clipped to this size

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        self.settings = settings
        self.shape = shape
        self.device = device
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.averages: dict[str, MovingAverage] = {}

    @property
    def steps(self) -> int:
        """Updates of the whole run."""
        return self.settings["steps"]

    @property
    def layout(self) -> torch.memory_format:
        """The order in memory of weights and images that the networks' convolutions are quickest in."""
        return self.layout_on_cpu if self.device.type == "cpu" else torch.channels_last

    def to_device(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the method's layout."""
        return network.to(self.device).to(memory_format=self.layout)

    def noise(self, count: int) -> Tensor:
        """z ~ N(0, I), (count, latent_size)"""
        return torch.randn(count, self.settings["latent_size"], device=self.device)

    def random_labels(self, count: int) -> Tensor:
        """Classes (count,), all equally likely."""
        return torch.randint(self.settings["classes"], (count,), device=self.device)

    def autocast(self) -> AbstractContextManager:
        """bfloat16 where the settings' ``precision`` says so; float32 otherwise."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.get("precision") == "bfloat16")

    @property
    def computes_in(self) -> str:
        """float32, tf32 or bfloat16: in which most of an update is computed."""
        if self.settings.get("precision") == "bfloat16":
            return "bfloat16"
        return "tf32" if self.device.type == "cuda" and self.allow_tf32 else "float32"

    def compute(self, network: nn.Module, *inputs: Tensor) -> Any:
        """What a network makes of its inputs, in the settings' precision; given back as float32."""
        with self.autocast():
            outputs = network(*inputs)
        return tree_map(Tensor.float, outputs)

    @property
    def allow_tf32(self) -> bool:
        """Whether convolutions of float32 on a GPU may round their inputs to 10 bits, as is PyTorch's default."""
        return self.settings.get("tf32", True)

    def make_optimisers(self) -> None:
        """Fill ``self.optimisers``: one for each network, unless a method has it otherwise.

        Called before training and not for mere sampling.
        """
        self.optimisers = {name: self.optimiser(name, network) for name, network in self.networks.items()}

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the network of that name."""
        raise NotImplementedError

    def descend(self, name: str, loss: Tensor) -> dict[str, Tensor]:
        """One step of the optimiser of that name down ``loss``; returns scalars that the step itself tells."""
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()
        if self.largest_gradient is not None:
            nn.utils.clip_grad_value_(self.networks[name].parameters(), self.largest_gradient)
        self.optimisers[name].step()
        return {}

    # The contract of an update. Each update t, counted from 0, is prepare(t), step(t, batches), complete(t).

    def kind(self, t: int) -> Hashable | None:
        """Updates of one kind are the same operations on other numbers, so that a GPU can repeat them without Python.

        None: update ``t`` is like no other, or asks a tensor for its value.
        """
        return ()

    def prepare(self, t: int) -> None:
        """Before update ``t``, in Python: what changes within a kind, such as learning rates."""
        if self.schedule is not constant:
            for optimiser in self.optimisers.values():
                scale_rate(optimiser, self.schedule(t, self.settings["steps"]))

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        """One generator update and the critic updates that belong to it.

        Returns one 0-d tensor per name in ``curves``, left on the device.
        """
        raise NotImplementedError

    def complete(self, t: int) -> None:
        """After update ``t``: what must stay in Python."""

    def update(self, t: int, batches: Batches) -> dict[str, Tensor]:
        """Update ``t`` as it runs eagerly: prepared, run and completed."""
        self.prepare(t)
        logged = self.step(t, batches)
        self.complete(t)
        return logged

    # Sampling and state.

    def sample(self, count: int) -> Tensor:
        """``count`` fresh samples, as float tensors of the data's shape."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint must keep for the training to continue to the same bits."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "averages": {name: average.network.state_dict() for name, average in self.averages.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave, once there are optimisers. RuntimeError where networks differ."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        for name, average in self.averages.items():
            average.network.load_state_dict(state["averages"][name])

    def snapshot(self) -> dict[str, Any]:
        """What is needed to sample later as the method would now."""
        averages = {f"average of {name}": average.network.state_dict() for name, average in self.averages.items()}
        return {name: self.networks[name].state_dict() for name in self.sampled} | averages

    def load_snapshot(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`snapshot` gave; needs no optimisers."""
        for name in self.sampled:
            self.networks[name].load_state_dict(state[name])
        for name, average in self.averages.items():
            average.network.load_state_dict(state[f"average of {name}"])


def build_method(settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device) -> Method:
    """The method that the settings name, with fresh networks on ``device``; ``shape`` is one sample's, as above."""
    return resolve(settings["method"])(settings, shape, device)
