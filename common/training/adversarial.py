"""Networks that train against each other: an update as phases, each a loss that some of the networks descend.

A method says which phases an update has and writes a loss for each. Freezing the other networks, descending, repeating,
what follows a step, moving averages and logging are the same for all and stand here.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from common.data.batches import Batches
from common.training.method import Method


class Phase(NamedTuple):
    """Steps down the loss ``<name>_loss`` of a method, by the optimiser of that name.

    ``of``: the networks that move; the one of the phase's name unless given.
    ``repeats``: steps in one update. ``draws``: whether each begins with a new batch; otherwise it has the batch of the
    phase before. ``frozen``: the loss is computed and logged, and nothing moves. ``after``: called after each step.
    """

    name: str
    repeats: int = 1
    draws: bool = False
    frozen: bool = False
    of: tuple[str, ...] = ()
    after: Callable[[], None] | None = None


class Losses:
    """What a phase descends, ``total``, and the scalars that it logs."""

    def __init__(self, total: Tensor, **scalars: Tensor):
        self.total, self.scalars = total, scalars

    def plus(self, term: Tensor | float, **scalars: Tensor) -> "Losses":
        """These with a further term, which comes with scalars of its own."""
        return Losses(self.total + term, **self.scalars, **scalars)


class AdversarialMethod(Method):
    """A method whose updates are phases: :meth:`phases`, :meth:`draw`, and for each phase ``<name>_loss(batch)``."""

    def phases(self, t: int) -> list[Phase]:
        """The phases of update ``t``, in their order: the critic on a batch, then the generator."""
        return [Phase("critic", draws=True), Phase("generator")]

    def draw(self, batches: Batches, before: Any) -> Any:
        """What a loss is computed on, with all networks trainable. ``before``: what the update drew last, or None."""
        return next(batches)

    def kind(self, t: int) -> Hashable | None:
        return tuple(phase[:5] for phase in self.phases(t)), self.ema_decay(t) if self.averages else None

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        logged: dict[str, Tensor] = {}
        batch = None
        for phase in self.phases(t):
            for _ in range(phase.repeats):
                if phase.draws:
                    batch = self.draw(batches, batch)
                logged = self.merge(logged, self.run_phase(phase, batch))
        for average in self.averages.values():
            average.update(self.ema_decay(t))
        return dict.fromkeys(self.curves, torch.zeros((), device=self.device)) | logged

    def run_phase(self, phase: Phase, batch: Any) -> dict[str, Tensor]:
        """One step of a phase; returns what it logs."""
        with self.training_only(phase.of or (phase.name,)):
            losses = getattr(self, f"{phase.name}_loss")(batch)
            told = {} if phase.frozen else self.descend(phase.name, losses.total)
        if phase.after is not None:
            phase.after()
        return losses.scalars | told

    def merge(self, logged: dict[str, Tensor], new: dict[str, Tensor]) -> dict[str, Tensor]:
        """The scalars of an update so far with those of its next step: of several steps the last one's stay."""
        return logged | new

    @contextmanager
    def training_only(self, names: tuple[str, ...]) -> Iterator[None]:
        """Inside, no gradient is computed for the weights of any other network."""
        others = [network for name, network in self.networks.items() if name not in names]
        for network in others:
            network.requires_grad_(False)
        yield
        for network in others:
            network.requires_grad_(True)

    def ema_decay(self, t: int) -> float:
        """Of the moving averages: they are copies until ``ema_from`` updates are done."""
        return self.settings["ema_decay"] if t >= self.settings["ema_from"] else 0.0

    def fakes(self, count: int) -> Tensor:
        """g(z) of fresh z."""
        return self.networks["generator"](self.noise(count))

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Batches of the training's size and with batch statistics."""
        size = self.settings["batch_size"]
        with self.autocast():
            pieces = [self.fakes(size).float() for _ in range(-(-count // size))]
        return torch.cat(pieces)[:count]
