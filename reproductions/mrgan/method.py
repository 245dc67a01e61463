"""MR-GAN and proxy MR-GAN (Algorithms 1 to 8) on three base models, and on points of the plane (Appendix C)."""

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import cross_entropy, non_saturating
from common.nn.mlp import mlp
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam
from common.training.translation import Translator
from reproductions.mrgan.losses import AGAINST_PREDICTOR, AGAINST_TRUTH, LIKELIHOODS, over
from reproductions.mrgan.models import Completion, ContextCritic, PatchCritic, SRCritic, SRGenerator, UNet

VALIDATIONS = 20  # how often the predictor's validation loss is looked at
VISIBLE_LOG_DISPERSION = -6.0  # of pixels that inpainting does not fill (code)


class MomentMatching(AdversarialMethod):
    """The training that all base models share.

    ``settings``: ``loss`` names a function of losses.py, or is none; ``gan_weight`` is 1, or 0 where the loss is tried
    alone; ``reconstruction`` adds that much of the L1 distance (Appendix F). With a proxy loss the first
    ``predictor_steps`` updates are the predictor's, which is then frozen as it was at its lowest validation loss.

    A base model provides ``base_model`` (its generator, discriminator and predictor), ``generate(x)``, ``score(image,
    x)`` (before the sigmoid), ``predict(x)`` (location and log dispersion), and ``next_pair``, ``pair_of`` and
    ``mirrored`` as in common/training/translation.py.
    """

    curves: ClassVar[tuple[str, ...]] = ("gan_loss", "moment_loss", "critic_loss", "predictor_loss")
    largest_gradient: ClassVar[float | None] = 0.5

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        generator, critic, predictor = self.base_model()
        self.g, self.f = self.to_device(generator), self.to_device(critic)
        self.networks = {"generator": self.g, "critic": self.f}
        self.best: dict[str, Tensor] = {}
        self.best_loss = float("inf")
        if self.is_proxy:
            self.p = self.networks["predictor"] = self.to_device(predictor)

    @property
    def is_proxy(self) -> bool:
        return self.settings["loss"] in AGAINST_PREDICTOR

    @property
    def predictor_steps(self) -> int:
        return self.settings["predictor_steps"] if self.is_proxy else 0

    @property
    def steps(self) -> int:
        return self.predictor_steps + self.settings["steps"]

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        return adam(network, self.settings, weight_decay=self.settings["weight_decay"], amsgrad=True)

    def covered(self, x: Tensor) -> Tensor | None:
        """Where moment losses count: everywhere."""
        return None

    # The updates.

    def phases(self, t: int) -> list[Phase]:
        s = self.settings
        if not s["gan_weight"] or (t - self.predictor_steps) % s["generator_per_critic"]:
            return [Phase("generator", draws=True)]
        return [Phase("critic", draws=True), Phase("generator")]

    def kind(self, t: int) -> Hashable | None:
        if t == 0 or t == self.predictor_steps:  # what is taken from the data; the predictor as it was best
            return None
        if t < self.predictor_steps:
            return None if self.validates(t) else "predictor"
        return super().kind(t)

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        if t == 0:
            self.look_at(batches)
        if t < self.predictor_steps:
            zeros = dict.fromkeys(self.curves, torch.zeros((), device=self.device))
            return zeros | {"predictor_loss": self.predictor_step(t, batches)}
        if t == self.predictor_steps and self.is_proxy:
            self.p.load_state_dict(self.best)
        return super().step(t, batches)

    def look_at(self, batches: Batches) -> None:
        """Whatever is taken from the data before the first update."""

    def draw(self, batches: Batches, before: Any) -> tuple[Tensor, Tensor]:
        return self.next_pair(batches)

    def critic_loss(self, batch: tuple[Tensor, Tensor]) -> Losses:
        """One fake an input; half the sum of both losses (code)."""
        y, x = batch
        fake = self.generate(x)
        loss = cross_entropy(self.score(y, x), self.score(fake, x)) / 2
        return Losses(loss, critic_loss=loss)

    def generator_loss(self, batch: tuple[Tensor, Tensor]) -> Losses:
        s = self.settings
        y, x = (part[: s["generator_inputs"]] for part in batch)
        xs = x.repeat_interleave(s["samples"], dim=0)
        fakes = self.generate(xs)  # 1 to 4: K samples of every input
        samples = fakes.unflatten(0, (len(x), s["samples"]))
        gan = non_saturating(self.score(fakes, xs)) if s["gan_weight"] else torch.zeros((), device=self.device)
        moment = self.moment_loss(samples, y, x)
        loss = s["gan_weight"] * gan + s["loss_weight"] * moment
        if s.get("reconstruction"):
            loss = loss + s["reconstruction"] * over(AGAINST_TRUTH["l1"](samples, y))
        return Losses(loss, gan_loss=gan, moment_loss=moment)

    def moment_loss(self, samples: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Of samples (n, K, …) for conditions x with the truths y; 0 where there is none."""
        name = self.settings["loss"]
        if name in AGAINST_TRUTH:
            return over(AGAINST_TRUTH[name](samples, y), None if name in ("l1", "l2") else self.covered(x))
        if not self.is_proxy:
            return torch.zeros((), device=self.device)
        self.p.eval()  # a continued training builds it anew
        with torch.no_grad():
            predicted = self.predict(x)
        return over(AGAINST_PREDICTOR[name](samples, *predicted), self.covered(x))

    # The predictor.

    def validates(self, t: int) -> bool:
        """Whether the predictor's validation loss is looked at after update t."""
        return (t + 1) % max(self.predictor_steps // VALIDATIONS, 1) == 0 or t + 1 == self.predictor_steps

    def predictor_step(self, t: int, batches: Batches) -> Tensor:
        """Equation 4.1 on nine tenths of the data; the last tenth tells when to stop."""
        likelihood = LIKELIHOODS[self.settings["loss"].partition("_")[0]]
        held = max(len(batches) // 10, 1)

        def loss_on(samples: Tensor) -> Tensor:
            y, x = self.pair_of(samples)
            return over(likelihood(y, *self.predict(x), self.settings["least_error"]))

        loss = loss_on(self.mirrored(batches.any_of_first(len(batches) - held)))
        self.descend("predictor", loss)
        if self.validates(t):
            self.p.eval()
            with torch.no_grad():
                losses = [loss_on(part) * len(part) for part in batches.held_out(held)]
            validation = float(torch.stack(losses).sum()) / held
            self.p.train()
            if validation < self.best_loss:
                self.best_loss = validation
                self.best = {name: value.clone() for name, value in self.p.state_dict().items()}
        return loss

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"best": self.best, "best_loss": self.best_loss}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.best, self.best_loss = state["best"], state["best_loss"]


class MRPix2Pix(MomentMatching, Translator):
    """Appendix B.2"""

    def base_model(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        s, c = self.settings, self.channels
        return (
            UNet(self.size, c, s["generator_width"], s["noise_channels"]),
            PatchCritic(2 * c, s["critic_width"], s["critic_layers"]),
            UNet(self.size, c, s["generator_width"], 0, predictor=True),
        )

    def look_at(self, batches: Batches) -> None:
        """Every channel of the conditions gets mean 0 and variance 1 (Appendix B.2)."""
        conditions = batches.at(slice(0, 1000))[:, self.channels :]
        for network in (self.g, *([self.p] if self.is_proxy else [])):
            network.mean.copy_(conditions.mean(dim=(0, 2, 3)))
            network.deviation.copy_(conditions.std(dim=(0, 2, 3)).clamp(min=1e-3))

    def generate(self, x: Tensor) -> Tensor:
        return self.compute(self.g, x)

    def translate(self, x: Tensor) -> Tensor:
        """With running statistics."""
        self.g.eval()
        y = self.generate(x)
        self.g.train()
        return y

    def score(self, image: Tensor, x: Tensor) -> Tensor:
        return self.compute(self.f, torch.cat([self.g.standardised(x), image], dim=1))

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.compute(self.p, x)


class MRSuperResolution(MRPix2Pix):
    """Appendix B.3: the condition is the image at a quarter of its size; the discriminator sees the image only."""

    def base_model(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        self.channels = self.shape[0]
        s, width = self.settings, self.settings["generator_width"]
        return (
            SRGenerator(self.channels, width, s["noise_channels"]),
            SRCritic(self.channels, s["critic_width"]),
            SRGenerator(self.channels, width, 0, predictor=True),
        )

    def look_at(self, batches: Batches) -> None:
        """Inputs lie between -1 and 1 and are not normalised further."""

    def pair_of(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        return samples, F.interpolate(samples, scale_factor=0.25, mode="bilinear", antialias=True)  # code

    def shown(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=4)

    def score(self, image: Tensor, x: Tensor) -> Tensor:
        return self.compute(self.f, image)


class MRInpainting(MRPix2Pix):
    """Appendix B.4: in a box of half the image's side a hole of 3/8 to 1/2 of it (48 to 64 pixels of 128), height and
    width drawn apart, filled with the data's mean colour; box and hole are drawn for every image (code).

    A condition is the image with its hole, the hole's mask, and the box, which only the discriminator sees. Pixels are
    in [0, 1], where the thesis's weights belong.
    """

    def base_model(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        self.channels = self.shape[0]
        s, width = self.settings, self.settings["generator_width"]
        completion = Completion(self.channels, width, s["noise_channels"])
        completion.register_buffer("fill", torch.full((self.channels,), 0.5))
        return (
            completion,
            ContextCritic(self.size, self.channels, s["critic_width"]),
            Completion(self.channels, width, 0, predictor=True),
        )

    def look_at(self, batches: Batches) -> None:
        self.g.fill.copy_(batches.at(slice(0, 1000)).mean(dim=(0, 2, 3)) / 2 + 0.5)

    def pair_of(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        y = samples / 2 + 0.5
        n, half = len(y), self.size // 2
        corner = torch.randint(0, self.size - half + 1, (n, 2), device=y.device)
        extent = torch.randint(round(0.375 * self.size), half + 1, (n, 2), device=y.device)
        start = corner + (torch.rand(n, 2, device=y.device) * (half - extent + 1)).long()
        mask, box = self.rectangles(start, extent), self.rectangles(corner, torch.full_like(corner, half))
        return y, torch.cat([torch.where(mask == 1, self.g.fill[:, None, None], y), mask, box], dim=1)

    def rectangles(self, start: Tensor, extent: Tensor) -> Tensor:
        """Maps (n, 1, size, size) that are 1 from the rows and columns ``start`` (n, 2) on, ``extent`` of them."""
        place = torch.arange(self.size, device=start.device)
        inside = (place >= start[..., None]) & (place < (start + extent)[..., None])  # n, 2, size
        return (inside[:, 0, :, None] & inside[:, 1, None, :])[:, None].float()

    def covered(self, x: Tensor) -> Tensor:
        return x[:, -2:-1]

    def completed(self, x: Tensor, picture: Tensor) -> Tensor:
        """The hole of x filled from a picture in [-1, 1]: all of it, in [0, 1]."""
        return torch.lerp(x[:, :-2], picture / 2 + 0.5, self.covered(x))

    def generate(self, x: Tensor) -> Tensor:
        return self.completed(x, self.compute(self.g, x[:, :-1]))

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outside the hole the visible pixels and a constant dispersion (code): nothing is to be learnt there."""
        location, log_dispersion = self.compute(self.p, x[:, :-1])
        return self.completed(x, location), torch.where(self.covered(x) == 1, log_dispersion, VISIBLE_LOG_DISPERSION)

    def translate(self, x: Tensor) -> Tensor:
        return 2 * super().translate(x) - 1

    def shown(self, x: Tensor) -> Tensor:
        return 2 * x[:, :-2] - 1

    def score(self, image: Tensor, x: Tensor) -> Tensor:
        n, half = len(x), self.size // 2
        within = torch.arange(half, device=x.device)
        rows, columns = (x[:, -1].amax(dim=axis).argmax(dim=1)[:, None] + within for axis in (2, 1))
        every = torch.arange(n, device=x.device)[:, None, None]
        part = image.movedim(1, -1)[every, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
        return self.compute(self.f, image, part)


class MRPoints(MomentMatching):
    """Appendix C: without a condition, on points of the plane; the predictor is two numbers a coordinate."""

    def base_model(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        latent, width, dimensions = self.settings["latent_size"], self.settings["generator_width"], self.shape[0]
        return (mlp([latent, width, width, dimensions]), mlp([dimensions, width, width, 1]), Constant(dimensions))

    @property
    def sampled(self) -> tuple[str, ...]:  # type: ignore[override]
        """With the predictor, which Figure C.1(d) shows."""
        return ("generator", "predictor") if self.is_proxy else ("generator",)

    def next_pair(self, batches: Batches) -> tuple[Tensor, Tensor]:
        return self.pair_of(next(batches))

    def pair_of(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """There is no condition: an empty one, for its length."""
        return samples, samples[:, :0]

    def mirrored(self, samples: Tensor) -> Tensor:
        return samples

    def generate(self, x: Tensor) -> Tensor:
        return self.g(torch.randn(len(x), self.settings["latent_size"], device=self.device))

    def score(self, image: Tensor, x: Tensor) -> Tensor:
        return self.f(image)

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.p(len(x))

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        return self.generate(torch.empty(count, 0, device=self.device))


class Constant(nn.Module):
    """A predictor that has nothing to look at."""

    def __init__(self, dimensions: int):
        super().__init__()
        self.location, self.log_dispersion = (nn.Parameter(torch.zeros(dimensions)) for _ in range(2))

    def forward(self, count: int) -> tuple[Tensor, Tensor]:
        return self.location.expand(count, -1), self.log_dispersion.expand(count, -1)
