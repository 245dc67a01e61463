"""Algorithm 1 of *Conditional Generative Modeling via Learning the Latent Space*, and the L1 regression beside it."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from common.data.batches import Batches
from common.training.method import Method
from reproductions.cgml.models import Generator, Path, mlp


def on_sphere(z: Tensor) -> Tensor:
    """The nearest point of the unit sphere."""
    return F.normalize(z, dim=1)


class Toy(Method):
    """What both arms share: points (x, y) with a scalar x, ℋ and 𝒢."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        s = settings
        self.h = self.place(mlp(1, s["width"], s["width"]))
        self.g = self.place(Generator(s["width"], self.latent_size, s["width"], shape[0] - 1))
        self.networks = {"encoder": self.h, "generator": self.g}

    @property
    def latent_size(self) -> int:
        return 0

    def make_optimisers(self) -> None:
        s = self.settings
        options = {"lr": s["learning_rate"], "betas": (s["beta1"], s["beta2"]), "fused": True}
        both = [*self.h.parameters(), *self.g.parameters()]
        self.optimisers = {"regression": torch.optim.Adam(both, **options)}

    def next_pair(self, batches: Batches) -> tuple[Tensor, Tensor]:
        points = next(batches)
        return points[:, :1], points[:, 1:]


class L1Regression(Toy):
    """The same network without a code."""

    curves: ClassVar[tuple[str, ...]] = ("regression",)
    sampled: ClassVar[tuple[str, ...]] = ("encoder", "generator")

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        x, y = self.next_pair(batches)
        loss = F.l1_loss(self.g(self.h(x), x[:, :0]), y)
        self.update("regression", loss)
        return {"regression": loss}

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        return self.g(self.h(x), x[:, :0])


class CGML(Toy):
    """Per batch: ``inner_steps`` times the codes descend on Ê and 𝒵 learns the step they took; then ℋ and 𝒢 descend.

    Every update leaves the others' weights as they are; comments say who moves.
    """

    curves: ClassVar[tuple[str, ...]] = ("regression", "path_loss", "first_error")
    sampled: ClassVar[tuple[str, ...]] = ("encoder", "generator", "path")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.path = self.networks["path"] = self.place(Path(settings["width"], self.latent_size, settings["width"]))

    @property
    def latent_size(self) -> int:
        return self.settings["latent_size"]

    def make_optimisers(self) -> None:
        super().make_optimisers()
        (group,) = self.optimisers["regression"].param_groups
        options = {key: group[key] for key in ("lr", "betas", "fused")}
        self.optimisers["path"] = torch.optim.Adam(self.path.parameters(), **options)

    def codes(self, count: int) -> Tensor:
        """On the surface of the unit sphere."""
        return on_sphere(torch.randn(count, self.latent_size, device=self.device))

    def shaken(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """With small noise e, for the Lipschitz penalty (Appendix 2.4)."""
        return tuple(t + self.settings["lipschitz_noise"] * torch.randn_like(t) for t in tensors)

    def moved(self, z: Tensor, h: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """z_{t+1} = z_t - β ∇_z Ê, each code by its own error; and that error's mean. Only z moves."""
        z = z.detach().requires_grad_()
        errors = (y - self.g(h, z)).abs().mean(dim=1)
        (gradient,) = torch.autograd.grad(errors.sum(), z)
        following = (z - self.settings["beta"] * gradient).detach()
        return (on_sphere(following) if self.settings["reproject"] else following), errors.mean().detach()

    def path_loss(self, z: Tensor, h: Tensor, following: Tensor) -> Tensor:
        """L1[(z_{t+1}, ρ), 𝒵(z_t, h)] with ρ = α |z_{t+1} - z_t|, and the Lipschitz penalty of 𝒵."""
        s = self.settings
        momentum = s["alpha"] * (following - z).norm(dim=1, keepdim=True)
        wanted = torch.cat([following, momentum], dim=1)
        predicted = torch.cat(self.path(z, h), dim=1)
        loss = F.l1_loss(predicted, wanted)
        if s["lipschitz"]:
            loss = loss + s["lipschitz"] * F.l1_loss(torch.cat(self.path(*self.shaken(z, h)), dim=1), predicted)
        return loss

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        s = self.settings
        x, y = self.next_pair(batches)
        z = self.codes(len(x))
        with torch.no_grad():
            h = self.h(x)
        self.g.requires_grad_(False)
        first = None
        for _ in range(s["inner_steps"]):
            following, error = self.moved(z, h, y)  # ℋ, 𝒢, 𝒵 frozen
            first = error if first is None else first
            path = self.path_loss(z, h, following)
            self.update("path", path)  # ℋ, 𝒢, z frozen
            z = following
        self.g.requires_grad_(True)
        h = self.h(x)
        output = self.g(h, z)
        loss = F.l1_loss(output, y)
        penalised = loss
        if s["lipschitz"]:
            noisy_h, noisy_z = self.shaken(h, z)
            penalised = loss + s["lipschitz"] * F.l1_loss(self.g(noisy_h, noisy_z), output)
        self.update("regression", penalised)  # 𝒵, z frozen
        return {"regression": loss, "path_loss": path, "first_error": first}

    @torch.no_grad()
    def walk(self, x: Tensor, z: Tensor, *, momentum: bool) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Inference from codes z: (code, output, E[ρ]) before and after each of ``inner_steps`` steps.

        ``momentum``: equation 4, a step of length E[ρ] towards E[z_{t+1}]; otherwise straight to E[z_{t+1}].
        """
        h = self.h(x)
        found = []
        for _ in range(self.settings["inner_steps"] + 1):
            following, rho = self.path(z, h)
            found.append((z, self.g(h, z), rho))
            z = z + rho * on_sphere(following - z) if momentum else following
        return found
