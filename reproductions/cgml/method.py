"""Algorithm 1 of *Conditional Generative Modeling via Learning the Latent Space*, and the L1 regression beside it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.nn.noise import noise_like
from common.training.method import Method
from common.training.optim import adam
from reproductions.cgml.models import Features, Path
from reproductions.cgml.problems import PROBLEMS


@contextmanager
def statistics_kept(*networks: nn.Module) -> Iterator[None]:
    """Batch normalisation goes on by the batch, but leaves the statistics that inference will use as they are."""
    layers = [layer for network in networks for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def on_sphere(z: Tensor) -> Tensor:
    """The nearest point of the unit sphere."""
    return F.normalize(z, dim=1)


class Regression(Method):
    """ℋ and 𝒢 on one of ``PROBLEMS``, trained on Ê; here without a code."""

    curves: ClassVar[tuple[str, ...]] = ("regression",)
    sampled: ClassVar[tuple[str, ...]] = ("encoder", "generator")
    latent_size = 0

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.problem = PROBLEMS[settings["problem"]](settings, shape)
        self.h = self.to_device(self.problem.encoder())
        self.g = self.to_device(self.build_generator())
        self.networks = {"encoder": self.h, "generator": self.g}
        if settings.get("init_std"):
            self.g.apply(self.initialise)
            self.h.apply(self.initialise)

    def build_generator(self) -> nn.Module:
        return self.problem.generator(self.h, self.latent_size)

    def initialise(self, module: nn.Module) -> None:
        """Weights ~ N(0, init_std²) (Appendix 3.1 has 0.5)."""
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, self.settings["init_std"])

    def make_optimisers(self) -> None:
        weights = [*self.h.parameters(), *self.g.parameters()]
        self.optimisers = {"regression": adam(weights, self.settings)}

    def to_evaluation(self) -> None:
        """Batch normalisation with the statistics of training, from now on."""
        for network in self.networks.values():
            network.eval()

    def predicted(self, x: Tensor) -> Tensor:
        return self.g(self.h(x), x.new_zeros(len(x), 0))

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        x, y = self.problem.pair(next(batches))
        output = self.predicted(x)
        loss = self.problem.errors(output, y, x).mean() + self.problem.shared_error(output)
        self.descend("regression", loss)
        return {"regression": loss}

    def shown(self, predicted: Tensor) -> Tensor:
        """The output that a prediction stands for."""
        return predicted

    @torch.no_grad()
    def outputs(self, x: Tensor, count: int) -> Tensor:
        """``count`` outputs (n, count, …) of each x: all the same."""
        output = self.shown(self.predicted(x))
        return output[:, None].expand(-1, count, *output.shape[1:])


class CGML(Regression):
    """Per batch: ``inner_steps`` times the codes descend on Ê and 𝒵 learns the step they took; then ℋ and 𝒢 descend.

    Every update leaves the others' weights as they are; comments say who moves.
    """

    curves: ClassVar[tuple[str, ...]] = ("regression", "path_loss", "first_error")
    sampled: ClassVar[tuple[str, ...]] = ("encoder", "generator", "path")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        self.latent_size = settings["latent_size"]
        super().__init__(settings, shape, device)
        path = Path(self.h.features, self.latent_size, settings["path_width"])
        self.path = self.networks["path"] = self.to_device(path)
        if settings.get("init_std"):
            self.path.apply(self.initialise)
        if settings["codes"] == "kept":  # one a training sample, where its last walk ended
            self.kept = self.networks["codes"] = self.to_device(nn.Embedding(settings["data_count"], self.latent_size))
            self.kept.weight.data = self.codes(settings["data_count"])

    def make_optimisers(self) -> None:
        super().make_optimisers()
        self.optimisers["path"] = adam(self.path, self.settings)

    def codes(self, count: int) -> Tensor:
        """On the surface of the unit sphere."""
        return on_sphere(torch.randn(count, self.latent_size, device=self.device))

    def placed(self, z: Tensor) -> Tensor:
        """A code after a step: back on the sphere, where the settings say so; in training as at inference."""
        return on_sphere(z) if self.settings["reproject"] else z

    def shaken(self, h: Features, z: Tensor) -> tuple[Features, Tensor]:
        """With small noise e, for the Lipschitz penalty (Appendix 2.4)."""
        noise = self.settings["lipschitz_noise"]
        return tuple(f + noise * noise_like(f) for f in h), z + noise * noise_like(z)

    def cost(self, output: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Ê of each output (n,), and that of the batch."""
        errors = self.problem.errors(output, y, x)
        return errors, errors.mean() + self.problem.shared_error(output)

    def moved(self, z: Tensor, h: Features, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """z_{t+1} = z_t - β ∇_z Ê, and the errors (n,) at z_t. Only z moves.

        Ê is summed over the batch, so β does not depend on its size: each code descends on its own error, and on images
        on what batch normalisation and the error that a batch shares make of the others.
        """
        z = z.detach().requires_grad_()
        errors, cost = self.cost(self.g(h, z), y, x)
        (gradient,) = torch.autograd.grad(cost, z)
        following = z.detach() - self.settings["beta"] * len(z) * gradient
        return self.placed(following), errors.detach()

    def path_loss(self, z: Tensor, h: Features, following: Tensor) -> Tensor:
        """L1[(z_{t+1}, ρ), 𝒵(z_t, h)] with ρ = α |z_{t+1} - z_t|, and the Lipschitz penalty of 𝒵."""
        s = self.settings
        momentum = s["alpha"] * (following - z).norm(dim=1, keepdim=True)
        wanted = torch.cat([following, momentum], dim=1)
        if not s["lipschitz"]:
            return F.l1_loss(self.path(z, h[-1]), wanted)
        (shaken,), noisy_z = self.shaken(h[-1:], z)
        predicted, noisy = self.path(torch.cat([z, noisy_z]), torch.cat([h[-1], shaken])).chunk(2)
        return F.l1_loss(predicted, wanted) + s["lipschitz"] * F.l1_loss(noisy, predicted)

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        s = self.settings
        x, y = self.problem.pair(next(batches))
        drawn = batches.chosen
        z = self.kept(drawn).detach() if s["codes"] == "kept" else self.codes(len(x))
        self.g.requires_grad_(False)
        first = None
        with statistics_kept(self.h, self.g):
            with torch.no_grad():
                h = self.h(x)
            for _ in range(s["inner_steps"]):
                following, errors = self.moved(z, h, y, x)  # ℋ, 𝒢, 𝒵 frozen
                first = errors.mean() if first is None else first
                path = self.path_loss(z, h, following)
                self.descend("path", path)  # ℋ, 𝒢, z frozen
                z = following
        self.g.requires_grad_(True)
        if s["codes"] == "kept":
            self.kept.weight.data[drawn] = z
        h = self.h(x)
        output = self.g(h, z)
        _, loss = self.cost(output, y, x)
        penalised = loss
        if s["lipschitz"]:
            with statistics_kept(self.g):
                shaken = self.g(*self.shaken(h, z))
            penalised = loss + s["lipschitz"] * F.l1_loss(shaken, output)
        self.descend("regression", penalised)  # 𝒵, z frozen
        return {"regression": loss, "path_loss": path, "first_error": first}

    @torch.no_grad()
    def walk(self, h: Features, z: Tensor, *, momentum: bool) -> list[tuple[Tensor, Tensor]]:
        """Inference from codes z: (code, E[ρ]) before and after each of ``inner_steps`` steps.

        ``momentum``: equation 4, a step of length E[ρ] towards E[z_{t+1}]; otherwise straight to E[z_{t+1}].
        """
        found = []
        for _ in range(self.settings["inner_steps"] + 1):
            following, rho = self.path.split(self.path(z, h[-1]))
            found.append((z, rho))
            z = self.placed(z + rho * on_sphere(following - z) if momentum else following)
        return found

    @torch.no_grad()
    def outputs(self, x: Tensor, count: int, *, momentum: bool = True) -> Tensor:
        """``count`` outputs (n, count, …) of each x, from random codes."""
        h = tuple(f.repeat_interleave(count, dim=0) for f in self.h(x))
        z, _ = self.walk(h, self.codes(len(x) * count), momentum=momentum)[-1]
        return self.g(h, z).unflatten(0, (len(x), count))
