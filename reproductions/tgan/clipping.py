"""Singular value clipping (Section 4, Table 2)."""

import torch
from torch import Tensor, nn

FLOOR = 0.01  # of γ, as a share of σ_B: "0 < γ" in the authors' code


@torch.no_grad()
def clip_singular_values(network: nn.Module) -> None:
    """Table 2, layer by layer: a linear or convolutional weight gets no singular value above 1, BatchNorm's gain γ
    stays within 0 < γ ≤ √(σ_B² + ε), σ_B² being its running variance. LeakyReLU with a ≤ 1 and biases need nothing.

    A convolution's weight is taken as the matrix Ŵ of (out channels, all else), as the authors' code does. That bounds
    the convolution itself only up to √8 a layer (4 × 4 × 4 filters of stride 2 overlap).
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
            matrix = module.weight.flatten(1)
            module.weight.copy_(clipped(matrix).view_as(module.weight))
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and isinstance(module.weight, nn.Parameter):
            highest = (module.running_var + module.eps).sqrt()
            module.weight.copy_(torch.minimum(torch.maximum(module.weight, FLOOR * highest), highest))


def clipped(matrix: Tensor) -> Tensor:
    """``matrix`` (m, n) with all singular values above 1 set to 1, bit for bit itself where there are none.

    From the eigenvectors U of the smaller Gram matrix, in float64: Ŵ − U (1 − 1/σ)₊ Uᵀ Ŵ. That takes one product and
    the decomposition of min(m, n)² numbers instead of a decomposition of m × n.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return clipped(matrix.T).T
    if not matrix.isfinite().all():  # a training that diverges, which the loop will find: there is no decomposition
        return matrix
    wide = matrix.double()
    squares, u = torch.linalg.eigh(wide @ wide.T)
    excess = 1 - squares.clamp(min=1).rsqrt()
    return (wide - (u * excess) @ (u.T @ wide)).to(matrix.dtype)
