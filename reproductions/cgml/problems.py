"""What the method is asked: inputs x, outputs y and their error Ê. The algorithm knows nothing else of a problem."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from reproductions.cgml.colour import (
    AB_RANGE,
    constant,
    divergence_from_uniform,
    lab_to_rgb,
    rgb_to_lab,
    soft_histogram,
)
from reproductions.cgml.models import ImageEncoder, ImageGenerator, PointEncoder, PointGenerator
from reproductions.cgml.solids import SpectralEncoder, to_maps

Settings = Mapping[str, Any]


class Problem:
    """``x_channels`` and ``y_channels`` are set by the sub-class."""

    x_channels: int
    y_channels: int

    def __init__(self, settings: Settings, shape: tuple[int, ...]):
        self.settings = settings
        self.size = shape[-1]

    def encoder(self) -> nn.Module:
        return ImageEncoder(self.size, self.x_channels, self.settings["width"])

    def generator(self, encoder: Any, latent_size: int, outputs: int | None = None) -> nn.Module:
        """``outputs``: so many unbounded channels instead of y's."""
        choices = {key: self.settings[key] for key in ("skips", "code_at") if key in self.settings}
        return ImageGenerator(encoder.widths, outputs or self.y_channels, latent_size, outputs is None, **choices)

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        """x and y of the data's samples; without ``training`` as they are tested."""
        raise NotImplementedError

    def errors(self, output: Tensor, y: Tensor, x: Tensor, *, squared: bool = False) -> Tensor:
        """Ê of each output (n,); ``squared`` for a rival that has squares."""
        raise NotImplementedError

    def completed(self, output: Tensor, x: Tensor) -> Tensor:
        """What a critic is shown instead of y: the output, with all that is given."""
        return output

    def shared_error(self, output: Tensor) -> Tensor | float:
        """What a batch of outputs adds to Ê together."""
        return 0.0

    def picture(self, x: Tensor, output: Tensor) -> Tensor:
        """The image (n, channels, h, w) in [-1, 1] that an output stands for."""
        raise NotImplementedError

    def given(self, x: Tensor) -> Tensor:
        """x as such an image: that of an output of zeros."""
        return self.picture(x, x.new_zeros(len(x), self.y_channels, *x.shape[2:]))


def difference(one: Tensor, other: Tensor, squared: bool) -> Tensor:
    return (one - other).square() if squared else (one - other).abs()


class Toy(Problem):
    """y = ±4 (x, x², x³) (Section 4); of one of its ``branches`` the upper."""

    def __init__(self, settings: Settings, shape: tuple[int, ...]):
        super().__init__(settings, shape)
        self.y_channels = shape[0] - 1

    def encoder(self) -> nn.Module:
        return PointEncoder(self.settings["width"])

    def generator(self, encoder: Any, latent_size: int, outputs: int | None = None) -> nn.Module:
        return PointGenerator(latent_size, encoder.features, self.y_channels)

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        x, y = samples[:, :1], samples[:, 1:]
        return x, y.abs() if self.settings.get("branches") == 1 else y

    def errors(self, output: Tensor, y: Tensor, x: Tensor, *, squared: bool = False) -> Tensor:
        return difference(y, output, squared).mean(dim=1)


class Colorization(Problem):
    """The lightness of an image -> its a and b, pushed towards a uniform distribution (Section 5.2).

    L is in [-1, 1], a and b are divided by AB_RANGE. They are pushed to uniform in ± ``uniform_range``.
    """

    x_channels, y_channels = 1, 2

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        lab = rgb_to_lab((samples[:, :3] + 1) / 2)  # of pairs the targets alone
        return lab[:, :1] / 50 - 1, lab[:, 1:] / AB_RANGE

    def errors(self, output: Tensor, y: Tensor, x: Tensor, *, squared: bool = False) -> Tensor:
        """‖a_gt − a‖ + ‖b_gt − b‖, each a mean over pixels."""
        return difference(y, output, squared).mean(dim=(2, 3)).sum(dim=1)

    def shared_error(self, output: Tensor) -> Tensor | float:
        """λ (KL(a‖u) + KL(b‖u)) of the batch's colours."""
        weight, bins = self.settings["uniformity"], self.settings["histogram_bins"]
        if not weight:
            return 0.0
        within = output * (AB_RANGE / self.settings.get("uniform_range", AB_RANGE))
        return weight * sum(divergence_from_uniform(soft_histogram(within[:, c], bins)) for c in range(2))

    def picture(self, x: Tensor, output: Tensor) -> Tensor:
        lab = torch.cat([50 * (x + 1), AB_RANGE * output], dim=1)
        return 2 * lab_to_rgb(lab.float()) - 1


class Completion(Problem):
    """A picture with a square hole -> the picture (Section 5.3). x is the picture, 0 in the hole, and the hole."""

    test_hole: Any = 0.25  # share of a test picture that is missing

    def __init__(self, settings: Settings, shape: tuple[int, ...]):
        super().__init__(settings, shape)
        self.y_channels = min(shape[0], 3)  # of pairs the targets alone
        self.x_channels = self.y_channels + 1

    def truth(self, samples: Tensor) -> Tensor:
        return samples[:, : self.y_channels]

    def hole(self, samples: Tensor, *, training: bool) -> Tensor:
        """1 in the hole: squares anywhere, of sides drawn evenly; without ``training`` of ``test_hole``'s area."""
        s, count, size = self.settings, len(samples), self.size
        if training:
            low, high = s["hole_sides"]
            sides = size * torch.empty(count, 2, device=samples.device).uniform_(low, high)[:, :1].expand(-1, 2)
        else:
            sides = torch.full((count, 2), size * self.test_hole**0.5, device=samples.device)
        return boxes(sides.round(), (size, size), size)

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        y = self.truth(samples)
        hole = self.hole(samples, training=training)
        return torch.cat([y * (1 - hole), hole], dim=1), y

    def errors(self, output: Tensor, y: Tensor, x: Tensor, *, squared: bool = False) -> Tensor:
        """Mean difference within the hole."""
        return self.in_hole(difference(y, output, squared), x)

    def completed(self, output: Tensor, x: Tensor) -> Tensor:
        return x[:, :-1] + x[:, -1:] * output

    def in_hole(self, values: Tensor, x: Tensor) -> Tensor:
        """Mean over the hole's pixels and all channels (n,)."""
        hole = x[:, -1:]
        return (values * hole).sum(dim=(1, 2, 3)) / (hole.sum(dim=(1, 2, 3)) * values.shape[1])

    def picture(self, x: Tensor, output: Tensor) -> Tensor:
        return self.completed(output, x)


class MixedHalves(Completion):
    """Digits; the hole lies in the upper half, which in training shows a second digit now and then (Section 5.1)."""

    test_hole = "rectangle"  # as in training; or the whole half

    def truth(self, samples: Tensor) -> Tensor:
        return samples

    def hole(self, samples: Tensor, *, training: bool) -> Tensor:
        """A rectangle in the upper half, each side between a half and the whole of it."""
        half = self.size // 2
        largest = constant((half, self.size), samples.device)
        least = 0.5 if training or self.test_hole == "rectangle" else 1.0
        share = torch.empty(len(samples), 2, device=samples.device).uniform_(least, 1)
        return boxes((largest * share).round(), (half, self.size), self.size)

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        return super().pair(self.mixed(samples) if training else samples, training=training)

    def mixed(self, samples: Tensor) -> Tensor:
        """The upper halves of a share of the batch overlaid with those of other digits, drawn anew every time."""
        chosen = torch.rand(len(samples), device=samples.device) < self.settings["mixed_share"]
        other = samples[torch.randperm(len(samples), device=samples.device)]
        both = torch.maximum(samples, other)
        upper = torch.arange(self.size, device=samples.device)[:, None] < self.size // 2
        return torch.where(chosen[:, None, None, None] & upper, both, samples)


class WhiteBox(MixedHalves):
    """A square of the upper half is missing, in the middle of which the truth has a small white box at a rate (Section
    5.1, Figure 5): of what is missing the box alone is uncertain.
    """

    def __init__(self, settings: Settings, shape: tuple[int, ...]):
        super().__init__(settings, shape)
        self.side = round(self.size / 5)  # of the box
        self.margin = max(self.size // 16, 1)  # around it in the square

    def mixed(self, samples: Tensor) -> Tensor:
        chosen = torch.rand(len(samples), device=samples.device) < self.settings["box_rate"]
        return torch.where(chosen[:, None, None, None] & self.box(samples.device), 1.0, samples)

    def box(self, device: torch.device) -> Tensor:
        """Where the box is: (size, size), near the right upper corner, a fifth of the picture wide."""
        return self.corner(self.margin, self.margin + self.side, device)

    def corner(self, start: int, stop: int, device: torch.device) -> Tensor:
        """A square (size, size): rows from above and columns from the right from ``start`` to before ``stop``."""
        place = torch.arange(self.size, device=device)
        inside = (place >= start) & (place < stop)
        return inside[:, None] & inside.flip(0)[None, :]

    def hole(self, samples: Tensor, *, training: bool) -> Tensor:
        square = self.corner(0, self.side + 2 * self.margin, samples.device)
        return square.float().expand(len(samples), 1, -1, -1)


class Translation(Problem):
    """The condition of a pair -> its target (Section 5.3.1)."""

    x_channels = y_channels = 3

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        y, x = samples.split(3, dim=1)
        return x, y

    def errors(self, output: Tensor, y: Tensor, x: Tensor, *, squared: bool = False) -> Tensor:
        return difference(y, output, squared).mean(dim=(1, 2, 3))

    def picture(self, x: Tensor, output: Tensor) -> Tensor:
        return output

    def given(self, x: Tensor) -> Tensor:
        return x


class SpectralDenoising(Problem):
    """A corrupted map of a solid's spectral moments -> the map (Section 5.4, Appendix 3.12).

    x has noise everywhere, and 0 in a square. Moments are not bounded, and neither are outputs.
    """

    x_channels = y_channels = 1

    def __init__(self, settings: Settings, shape: tuple[int, ...]):
        super().__init__(settings, shape)
        self.size = round(shape[0] ** 0.5)

    def encoder(self) -> nn.Module:
        return SpectralEncoder(self.size, self.x_channels, self.settings["width"])

    def generator(self, encoder: Any, latent_size: int, outputs: int | None = None) -> nn.Module:
        return super().generator(encoder, latent_size, outputs or self.y_channels)

    def pair(self, samples: Tensor, *, training: bool = True) -> tuple[Tensor, Tensor]:
        y = to_maps(samples)
        low, high = self.settings["hole_sides"]
        sides = self.size * torch.empty(len(y), 1, device=y.device).uniform_(low, high).expand(-1, 2)
        hole = boxes(sides.round(), (self.size, self.size), self.size)
        return (y + self.settings["noise"] * torch.randn_like(y)) * (1 - hole), y

    def errors(self, output: Tensor, y: Tensor, x: Tensor, *, squared: bool = False) -> Tensor:
        return difference(y, output, squared).mean(dim=(1, 2, 3))


def boxes(sides: Tensor, room: tuple[int, int], size: int) -> Tensor:
    """Boxes of ``sides`` (n, 2: height, width) at random in the upper left ``room``: 1 inside (n, 1, size, size)."""
    start = (torch.rand_like(sides) * (constant(room, sides.device) - sides + 1)).floor()
    place = torch.arange(size, device=sides.device)
    inside = [(place >= start[:, k, None]) & (place < (start + sides)[:, k, None]) for k in range(2)]
    return (inside[0][:, None, :, None] & inside[1][:, None, None, :]).float()


PROBLEMS: dict[str, type[Problem]] = {
    "toy": Toy,
    "colorization": Colorization,
    "completion": Completion,
    "mixed_halves": MixedHalves,
    "white_box": WhiteBox,
    "translation": Translation,
    "spectral_denoising": SpectralDenoising,
}
