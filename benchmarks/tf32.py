"""How far TF32 moves a critic's gradient, without a GPU: ``python benchmarks/tf32.py``.

TF32 rounds the inputs of products and convolutions to 10 bits and sums in float32. Here they are rounded before each of
these operations, in backward passes and in backward passes of these too, as cuDNN would. Beside it stand what another
batch of the same size moves the same gradient by, and bfloat16's 7 bits. All against float32.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from timing import random_data, settings_of
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from common.base.terminal import start
from common.data.kinds import kind_of
from common.losses.penalties import gradient_penalty
from common.reporting.tables import markdown
from common.training.loop import seed_everything
from common.training.method import Method, build_method

CPU = torch.device("cpu")
PRODUCTS = ("aten.convolution", "aten.mm", "aten.addmm", "aten.bmm", "aten.baddbmm", "aten.convolution_backward")
CASES = [
    ("wgan_gp_cifar_resnet", "WGANGP ResNet (ours), unsupervised"),
    ("wgan_gp_architecture_sweep", "WGAN-GP"),
    ("wgan_gp_lsun_architectures", "WGAN-GP · DCGAN"),
    ("wgan_gp_language_model", "WGAN-GP"),
]
SMALLER = {"batch_size": 16, "width_scale": 0.25, "generator_width": 32, "critic_width": 32}


def rounded(x: Tensor, bits: int) -> Tensor:
    """float32 with so many bits of the mantissa, to nearest."""
    if x.dtype != torch.float32:
        return x
    unit = 1 << (23 - bits)
    return ((x.contiguous().view(torch.int32) + unit // 2) & -unit).view(torch.float32)


class Rounded(TorchDispatchMode):
    """Products of inputs with so many bits."""

    def __init__(self, bits: int):
        super().__init__()
        self.bits = bits

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if str(function).startswith(PRODUCTS):
            args = tuple(rounded(arg, self.bits) if isinstance(arg, Tensor) else arg for arg in args)
        return function(*args, **(kwargs or {}))


def gradients(method: Method, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Of the critic's weights: of the penalty alone, and of the critic's whole loss."""
    critic = method.networks["critic"]
    weights = [p for p in critic.parameters() if p.requires_grad]
    torch.manual_seed(1)  # where on the lines between them
    penalty = gradient_penalty(critic, real, fake)[0]
    loss = critic(fake).mean() - critic(real).mean() + method.settings["penalty"] * penalty
    found = {}
    for name, value in (("penalty", penalty), ("critic's loss", loss)):
        each = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
        found[name] = torch.cat([gradient.flatten() for gradient in each if gradient is not None]).double()
    return found


def deviations(settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By loss, how far each way of computing lies from float32: the distance over the gradient's length."""
    shape = kind_of(settings).shape(settings)
    samples, labels = random_data(settings, shape)
    seed_everything(0)
    method = build_method(settings, shape, CPU)
    size = settings["batch_size"]
    batches = kind_of(settings).batches(samples, size, 0, CPU, labels)
    batch, other = ((method.draw(batches, None), method.fakes(size).detach()) for _ in range(2))
    exact, ways = gradients(method, *batch), {}
    for name, bits in (("TF32", 10), ("bfloat16", 7)):
        with Rounded(bits):
            ways[name] = gradients(method, *batch)
    ways["another batch"] = gradients(method, *other)
    return {
        loss: {way: float((found[loss] - exact[loss]).norm() / exact[loss].norm()) for way, found in ways.items()}
        for loss in exact
    }


def main() -> None:
    start()
    torch.set_num_threads(1)
    lines = []
    for name, arm in CASES:
        found = deviations(settings_of(name, arm, "paper", SMALLER))
        lines += [
            {"experiment": name, "gradient of": loss, **{way: f"{value:.2%}" for way, value in ways.items()}}
            for loss, ways in found.items()
        ]
    print(markdown(pd.DataFrame(lines)))


if __name__ == "__main__":
    main()
