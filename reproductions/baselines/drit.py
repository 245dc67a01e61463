"""DRIT (Lee et al. 2018), by its code: HsinYingLee/DRIT, as MSGAN's code has it."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.data.kinds.domains import NAMES, OTHER
from common.losses.adversarial import cross_entropy, non_saturating
from common.nn.init import CONVOLUTIONS
from common.nn.noise import noise_like
from common.nn.unet import tiled
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam, learning_rate
from common.training.schedule import constant_then_linear
from common.training.translation import Translator

Images = dict[str, Tensor]  # by domain

# --- Networks ----------------------------------------------------------------------------------------------------


def convolution(before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, padding, padding_mode="reflect")


class Residual(nn.Module):
    """Two 3 × 3 convolutions with instance normalisation, beside the input."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            convolution(width, width, 3, padding=1),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            convolution(width, width, 3, padding=1),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x


class ContentEncoder(nn.Module):
    """Images of a domain to contents (n, 4 ``width``, h / 4, w / 4): a tower a domain, a residual block for both, and
    in training N(0, I) on top.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.towers = nn.ModuleDict({name: self._tower(channels, width) for name in NAMES})
        self.shared = Residual(4 * width)

    @staticmethod
    def _tower(channels: int, width: int) -> nn.Module:
        layers: list[nn.Module] = [convolution(channels, width, 7, padding=3), nn.LeakyReLU()]
        for before, after in pairwise((width, 2 * width, 4 * width)):
            layers += [convolution(before, after, 3, 2, 1), nn.InstanceNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers, *(Residual(4 * width) for _ in range(3)))

    def forward(self, image: Tensor, domain: str) -> Tensor:
        content = self.shared(self.towers[domain](image))
        return content + noise_like(content) if self.training else content


def upsampling(before: int, after: int) -> nn.Module:
    """To twice the size; normalised over all of a sample, with a gain and a shift a channel."""
    return nn.Sequential(
        nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1), nn.GroupNorm(1, after), nn.ReLU()
    )


def to_image(before: int, channels: int) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(before, channels, 1), nn.Tanh())


class ConcatenatingDecoder(nn.Module):
    """The attribute as further maps of each stage's input (``concat 1``)."""

    def __init__(self, channels: int, width: int, latent_size: int):
        super().__init__()
        first = width + latent_size
        second = (first + latent_size) // 2 + latent_size
        third = second // 2 + latent_size
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*(Residual(first) for _ in range(3))),
                upsampling(first + latent_size, second - latent_size),
                upsampling(second, third - latent_size),
                to_image(third, channels),
            ]
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(torch.cat([x, tiled(z, x)], dim=1))
        return x


class Mixing(nn.Module):
    """A residual block: after each convolution ``width`` features of the attribute are mixed in, place by place."""

    def __init__(self, width: int):
        super().__init__()
        self.convolutions, self.mixtures = nn.ModuleList(), nn.ModuleList()
        for _ in range(2):
            self.convolutions.append(nn.Sequential(convolution(width, width, 3, padding=1), nn.InstanceNorm2d(width)))
            mixed = (nn.Conv2d(2 * width, 2 * width, 1), nn.ReLU(), nn.Conv2d(2 * width, width, 1), nn.ReLU())
            self.mixtures.append(nn.Sequential(*mixed))

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        y = x
        for convolved, mixed in zip(self.convolutions, self.mixtures, strict=True):
            y = convolved(y)
            y = mixed(torch.cat([y, tiled(features, y)], dim=1))
        return y + x


class LayeredDecoder(nn.Module):
    """The attribute as features of its own for each of four blocks (``concat 0``)."""

    def __init__(self, channels: int, width: int, latent_size: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(latent_size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4 * width)
        )
        self.blocks = nn.ModuleList(Mixing(width) for _ in range(4))
        self.up = nn.Sequential(
            upsampling(width, width // 2), upsampling(width // 2, width // 4), to_image(width // 4, channels)
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        for block, features in zip(self.blocks, self.mlp(z).chunk(4, dim=1), strict=True):
            x = block(x, features)
        return self.up(x)


class Generator(nn.Module):
    """The content encoder E_c and a decoder G a domain, which always step together."""

    def __init__(self, channels: int, width: int, latent_size: int, by_layers: bool):
        super().__init__()
        self.encode = ContentEncoder(channels, width)
        self.shared = nn.Identity() if by_layers else Residual(4 * width)
        decoder = LayeredDecoder if by_layers else ConcatenatingDecoder
        self.decoders = nn.ModuleDict({name: decoder(channels, 4 * width, latent_size) for name in NAMES})

    def decode(self, content: Tensor, z: Tensor, domain: str) -> Tensor:
        return self.decoders[domain](self.shared(content), z)


class Down(nn.Module):
    """Two 3 × 3 convolutions, pre-activation, mean pooling; 1 × 1 shortcut."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.LeakyReLU(0.2),
            convolution(before, before, 3, padding=1),
            nn.LeakyReLU(0.2),
            convolution(before, after, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(x)


class AttributeEncoder(nn.Module):
    """E_a: images of a domain to the mean and the log variance of their attributes, each (n, latent_size)."""

    def __init__(self, channels: int, width: int, latent_size: int):
        super().__init__()
        self.towers = nn.ModuleDict({name: self._tower(channels, width) for name in NAMES})
        self.means, self.log_variances = (
            nn.ModuleDict({name: nn.Linear(4 * width, latent_size) for name in NAMES}) for _ in range(2)
        )

    @staticmethod
    def _tower(channels: int, width: int) -> nn.Module:
        blocks = (Down(before, after) for before, after in pairwise(width * i for i in range(1, 5)))
        first = convolution(channels, width, 4, 2, 1)
        return nn.Sequential(first, *blocks, nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, image: Tensor, domain: str) -> tuple[Tensor, Tensor]:
        features = self.towers[domain](image)
        return self.means[domain](features), self.log_variances[domain](features)


class PlainAttributeEncoder(nn.Module):
    """E_a where attributes are given by layers: images of a domain to their attributes (n, latent_size)."""

    def __init__(self, channels: int, width: int, latent_size: int):
        super().__init__()
        self.towers = nn.ModuleDict({name: self._tower(channels, width, latent_size) for name in NAMES})

    @staticmethod
    def _tower(channels: int, width: int, latent_size: int) -> nn.Module:
        layers: list[nn.Module] = [convolution(channels, width, 7, padding=3), nn.ReLU()]
        for before, after in pairwise((width, 2 * width, 4 * width, 4 * width, 4 * width)):
            layers += [convolution(before, after, 4, 2, 1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Conv2d(4 * width, latent_size, 1), nn.Flatten())

    def forward(self, image: Tensor, domain: str) -> Tensor:
        return self.towers[domain](image)


class Critic(nn.Module):
    """Patches of an image at ``scales`` sizes, each half the one before: scores (n, 1, h, w) of every scale."""

    def __init__(self, channels: int, width: int, layers: int, scales: int):
        super().__init__()
        self.scales = nn.ModuleList(self._scale(channels, width, layers) for _ in range(scales))

    @staticmethod
    def _scale(channels: int, width: int, layers: int) -> nn.Module:
        widths = [channels, *(width * 2**i for i in range(layers))]
        steps = [(convolution(before, after, 4, 2, 1), nn.LeakyReLU()) for before, after in pairwise(widths)]
        return nn.Sequential(*(layer for step in steps for layer in step), nn.Conv2d(widths[-1], 1, 1))

    def forward(self, image: Tensor) -> list[Tensor]:
        scores = []
        for scale in self.scales:
            scores.append(scale(image))
            image = F.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
        return scores


class ContentCritic(nn.Module):
    """Tells from which domain a content is: 7 × 7 convolutions of stride 2 down to 4 × 4 (three of them, where images
    are cropped to 216 pixels), one of 4 × 4, and the scores.

    The code asks for instance normalisation here, and a slip (``'norm' == 'Instance'``) leaves it out.
    """

    def __init__(self, width: int, side: int):
        super().__init__()
        layers: list[nn.Module] = []
        while (smaller := (side - 5) // 2 + 1) >= 4:
            layers += [convolution(width, width, 7, 2, 1), nn.LeakyReLU()]
            side = smaller
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, width, 4), nn.LeakyReLU(), nn.Conv2d(width, 1, 1))

    def forward(self, content: Tensor) -> Tensor:
        return self.layers(content)


# --- The method --------------------------------------------------------------------------------------------------


class Attribute(NamedTuple):
    """``z`` of an image, drawn from N(``mean``, exp(``log_variance``)); the mean itself where there is no variance."""

    mean: Tensor
    log_variance: Tensor | None
    z: Tensor


class Translations(NamedTuple):
    """One half of a batch, what was made of it, and the other half, all by domain.

    ``swapped``: the other domain's contents with this one's attributes. ``own``: contents and attributes of the same
    image. ``cycle``: images from what was encoded of the swapped ones. ``random``: the other domain's contents with the
    codes ``z``, one draw of these after another. ``latent``: the attributes that are found in the first draw's.
    """

    x: Images
    other_half: Images
    content: Images
    attribute: dict[str, Attribute]
    z: Tensor
    swapped: Images
    own: Images
    cycle: Images
    random: Images
    latent: Images


class DRIT(AdversarialMethod, Translator):
    """Two domains without pairs: images have a content, which the domains share, and an attribute.

    An update: the content critic alone on some batches; then on one batch all critics, the encoders and the generator,
    and once more generator and content encoder, all on the same outputs. That is no row of phases: of one graph the
    second loss may not move all that the first one does.
    """

    curves: ClassVar[tuple[str, ...]] = (
        *("gan_loss", "content_gan_loss", "self_reconstruction", "cycle_reconstruction", "kl"),
        *("random_gan_loss", "latent_loss", "critic_loss", "content_critic_loss"),
    )
    schedule = staticmethod(constant_then_linear)
    draws = 1  # of random codes for each content

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        s, channels, latent = settings, self.channels, settings["latent_size"]
        self.crop = s["crop_size"]
        width, by_layers = s["generator_width"], s["attribute_by_layers"]
        encoder = PlainAttributeEncoder if by_layers else AttributeEncoder
        self.g = Generator(channels, width, latent, by_layers)
        self.e = encoder(channels, s["encoder_width"], latent)
        self.critics = nn.ModuleDict(
            {
                f"{outputs} {name}": Critic(channels, s["critic_width"], s["critic_layers"], s["critic_scales"])
                for outputs in ("swapped", "random")
                for name in NAMES
            }
        )
        self.content_critic = ContentCritic(4 * width, -(-self.crop // 4))
        self.networks = {
            "generator": self.g,
            "attribute_encoder": self.e,
            "critics": self.critics,
            "content_critic": self.content_critic,
        }
        for network in self.networks.values():
            self.initialise(network)
            self.to_device(network)

    def initialise(self, network: nn.Module) -> None:
        """Convolutions alone; all else as PyTorch has it (code)."""
        for module in network.modules():
            if isinstance(module, CONVOLUTIONS):
                nn.init.normal_(module.weight, 0.0, self.settings["init_deviation"])

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        rate = learning_rate(self.settings) * (self.settings["content_rate"] if name == "content_critic" else 1)
        return adam(network, self.settings, rate, weight_decay=self.settings["weight_decay"])

    def descend(self, name: str, loss: Tensor) -> dict[str, Tensor]:
        """With the content critic's gradient shortened to ``content_gradient``."""
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()
        if name == "content_critic":
            nn.utils.clip_grad_norm_(self.content_critic.parameters(), self.settings["content_gradient"])
        self.optimisers[name].step()
        return {}

    # Images, and what encoders and generator make of them.

    def next_halves(self, batches: Batches) -> tuple[Images, Images]:
        """The two halves of the next batch, each image cropped and mirrored by itself. Raises ValueError for an odd
        batch.
        """
        b, a = self.pair_of(next(batches))
        if len(a) % 2:
            raise ValueError(f"DRIT needs an even batch_size, not {len(a)}")
        halves = [self.mirrored(self.cropped(images)).chunk(2) for images in (a, b)]
        one, other = (dict(zip(NAMES, half, strict=True)) for half in zip(*halves, strict=True))
        return one, other

    def cropped(self, images: Tensor) -> Tensor:
        """A random square of ``crop_size`` pixels of each."""
        if self.crop == self.size:
            return images
        room, side = self.size - self.crop + 1, torch.arange(self.crop, device=self.device)
        top, left = torch.randint(room, (2, len(images), 1, 1, 1), device=self.device)
        number, channel = (torch.arange(n, device=self.device) for n in images.shape[:2])
        found = images[number[:, None, None, None], channel[:, None, None], top + side[:, None], left + side]
        return found.contiguous(memory_format=self.layout)

    def content(self, image: Tensor, domain: str) -> Tensor:
        return self.compute(self.g.encode, image, domain)

    def attribute(self, image: Tensor, domain: str) -> Attribute:
        encoded = self.compute(self.e, image, domain)
        if self.settings["attribute_by_layers"]:
            return Attribute(encoded, None, encoded)
        mean, log_variance = encoded
        return Attribute(mean, log_variance, mean + (log_variance / 2).exp() * torch.randn_like(mean))

    def decode(self, content: Tensor, z: Tensor, domain: str) -> Tensor:
        return self.compute(self.g.decode, content, z, domain)

    def translations(self, x: Images, other_half: Images) -> Translations:
        n = len(x["a"])
        content = {name: self.content(x[name], name) for name in NAMES}
        attribute = {name: self.attribute(x[name], name) for name in NAMES}
        z = self.noise(self.draws * n)
        swapped, own, random = {}, {}, {}
        for name in NAMES:
            of_other = content[OTHER[name]]
            contents = torch.cat([of_other, content[name], of_other.repeat(self.draws, 1, 1, 1)])
            outputs = self.decode(contents, torch.cat([attribute[name].z, attribute[name].z, z]), name)
            swapped[name], own[name], random[name] = outputs.split([n, n, self.draws * n])
        cycle = {
            name: self.decode(
                self.content(swapped[OTHER[name]], OTHER[name]), self.attribute(swapped[name], name).z, name
            )
            for name in NAMES
        }
        latent = {name: self.attribute(random[name][:n], name).mean for name in NAMES}
        return Translations(x, other_half, content, attribute, z, swapped, own, cycle, random, latent)

    # An update.

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        for _ in range(self.settings["content_critic_steps"] - 1):
            x, _ = self.next_halves(batches)
            with torch.no_grad():
                content = {name: self.content(x[name], name) for name in NAMES}
            self.run_phase(Phase("content_critic"), content)
        batch = self.translations(*self.next_halves(batches))
        logged = self.run_phase(Phase("critics"), batch)
        logged |= self.run_phase(Phase("content_critic"), batch.content)
        return logged | self.step_generator(batch)

    def step_generator(self, batch: Translations) -> dict[str, Tensor]:
        """All encoders and the generator down one loss, then content encoder and generator down the other.

        Both gradients are those at the weights of before.
        """
        with self.training_only(("generator", "attribute_encoder")):
            together, alone = self.together_loss(batch), self.alone_loss(batch)
        optimiser, weights = self.optimisers["generator"], list(self.g.parameters())
        optimiser.zero_grad(set_to_none=True)
        alone.total.backward(retain_graph=True, inputs=weights)
        gradients = [weight.grad for weight in weights]
        optimiser.zero_grad(set_to_none=True)
        self.optimisers["attribute_encoder"].zero_grad(set_to_none=True)
        together.total.backward()
        optimiser.step()
        self.optimisers["attribute_encoder"].step()
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        optimiser.step()
        return together.scalars | alone.scalars

    def scores(self, outputs: str, domain: str, image: Tensor) -> list[Tensor]:
        """Of the critic that learns from the ``outputs`` (swapped, random) into a domain."""
        return self.compute(self.critics[f"{outputs} {domain}"], image)

    def critics_loss(self, batch: Translations) -> Losses:
        """Swapped ones against the images that gave contents and attributes, those of random codes against the other
        half, which counts once a draw.
        """
        loss = torch.zeros((), device=self.device)
        for name in NAMES:
            pairs = (("swapped", batch.x, batch.swapped, 1), ("random", batch.other_half, batch.random, self.draws))
            for outputs, real, fake, draws in pairs:
                scores = (self.scores(outputs, name, images[name].detach()) for images in (real, fake))
                loss = loss + draws * sum(cross_entropy(*scale) for scale in zip(*scores, strict=True))
        return Losses(loss, critic_loss=loss)

    def content_critic_loss(self, content: Images) -> Losses:
        """A's contents are called 0, B's 1."""
        on_b, on_a = (self.compute(self.content_critic, content[name].detach()) for name in ("b", "a"))
        loss = cross_entropy(on_b, on_a)
        return Losses(loss, content_critic_loss=loss)

    def together_loss(self, batch: Translations) -> Losses:
        s = self.settings
        gan = self.gan_loss("swapped", batch.swapped)
        content_gan = sum(undecided(self.compute(self.content_critic, batch.content[name])) for name in NAMES)
        own = sum(F.l1_loss(batch.own[name], batch.x[name]) for name in NAMES)
        cycle = sum(F.l1_loss(batch.cycle[name], batch.x[name]) for name in NAMES)
        kl = sum(batch.content[name].square().mean() + divergence(batch.attribute[name]) for name in NAMES)
        loss = gan + content_gan + s["reconstruction"] * (own + cycle) + s["kl"] * kl
        scalars = {"self_reconstruction": own, "cycle_reconstruction": cycle, "kl": kl}
        return Losses(loss, gan_loss=gan, content_gan_loss=content_gan, **scalars)

    def alone_loss(self, batch: Translations) -> Losses:
        gan = self.draws * self.gan_loss("random", batch.random)  # the sum over draws of z
        latent = sum(F.l1_loss(found, batch.z[: len(found)]) for found in batch.latent.values())
        return Losses(gan + self.settings["latent"] * latent, random_gan_loss=gan, latent_loss=latent)

    def gan_loss(self, outputs: str, images: Images) -> Tensor:
        return sum(non_saturating(scale) for name in NAMES for scale in self.scores(outputs, name, images[name]))

    # Sampling.

    def translate(self, x: Tensor, source: str = "a") -> Tensor:
        """Outputs in the other domain for images of ``source``, with random attributes."""
        return self.decode(self.content(x, source), self.noise(len(x)), OTHER[source])

    @torch.no_grad()
    def outputs(self, x: Tensor, count: int, source: str = "a") -> Tensor:
        """As :meth:`Translator.outputs`, from images of ``source``, whose contents get no noise."""
        self.g.eval()
        block = max(256 // count, 1)
        pieces = [self.translate(part.repeat_interleave(count, dim=0), source) for part in x.split(block)]
        self.g.train()
        return torch.cat(pieces).unflatten(0, (len(x), count))


def undecided(scores: Tensor) -> Tensor:
    """Cross-entropy with a target of 0.5."""
    return (F.softplus(scores) - scores / 2).mean()


def divergence(attribute: Attribute) -> Tensor:
    """From N(0, I), summed over batch and dimensions; the mean square where there is no variance."""
    mean, log_variance, _ = attribute
    if log_variance is None:
        return mean.square().mean()
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
