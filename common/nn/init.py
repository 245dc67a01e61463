"""Initialisations of whole networks. What they leave out keeps PyTorch's."""

from torch import nn

CONVOLUTIONS = nn.modules.conv._ConvNd
NORMS = nn.modules.batchnorm._BatchNorm


def normal(
    network: nn.Module, deviation: float = 0.02, *, norms: float | None = None, zero_biases: bool = False
) -> None:
    """Weights of convolutions and linear layers from N(0, ``deviation``²).

    ``norms``: BatchNorm's gain from N(1, ``norms``²) and its shift 0, where it has them. DCGAN has 0.02 for both
    deviations (Radford et al. 2016).
    """
    for module in network.modules():
        if isinstance(module, (CONVOLUTIONS, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if zero_biases and module.bias is not None:
                nn.init.zeros_(module.bias)
        elif norms is not None and isinstance(module, NORMS):
            if isinstance(module.weight, nn.Parameter):
                nn.init.normal_(module.weight, 1.0, norms)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def xavier(network: nn.Module, gain: float) -> None:
    """Xavier's normal distribution for every weight, zero for every bias."""
    for module in network.modules():
        if isinstance(module, (CONVOLUTIONS, nn.Linear)):
            nn.init.xavier_normal_(module.weight, gain)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
