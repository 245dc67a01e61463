"""What keeps a critic smooth or weights in bounds: penalties on gradients and matrices, clipping."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, one_sided: bool = False) -> tuple[Tensor, Tensor]:
    """E (‖∇f(x̂)‖₂ - 1)² and the mean norm, x̂ on straight lines between pairs of real and fake.

    Gulrajani et al. 2017, equation 3. One ε per sample; the norm over all dimensions of a sample; in float32, never
    under autocast. ``one_sided``: only norms above 1 count. 1e-30 under the root: its gradient at 0 would be NaN.
    """
    with torch.autocast(real.device.type, enabled=False):
        epsilon = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        x_hat = torch.lerp(fake.float(), real.float(), epsilon).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
        norm = (gradient.flatten(1).square().sum(dim=1) + 1e-30).sqrt()
        slope = (norm - 1).clamp(min=0) if one_sided else norm - 1
        return slope.square().mean(), norm.detach().mean()


def zero_centred_penalty(discriminator: nn.Module, real: Tensor, *condition: Tensor) -> Tensor:
    """R₁ without its weight: half the mean squared norm of D's gradient at real images, in float32.

    Mescheder et al. 2018, equation 9. ``condition``: what else D is given.
    """
    # Fused attention has no second derivative.
    with torch.autocast(real.device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
        real = real.detach().float().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(real, *condition).sum(), real, create_graph=True)
        return gradient.flatten(1).square().sum(dim=1).mean() / 2


def orthogonal_penalty(weights: Iterable[Tensor]) -> Tensor | float:
    """Σ ‖W Wᵀ ⊙ (1 - I)‖²_F, a row a filter: filters shall be orthogonal, whatever their norms.

    Brock et al. 2019, equation 3. As ‖Wᵀ W‖² - Σ ‖row‖⁴ where that is the smaller product.
    """

    def off_diagonal(rows: Tensor) -> Tensor:
        small = rows if rows.shape[0] <= rows.shape[1] else rows.t()
        return (small @ small.t()).square().sum() - rows.square().sum(dim=1).square().sum()

    return sum(off_diagonal(weight.flatten(1)) for weight in weights)


@torch.no_grad()
def clip_weights(network: nn.Module, c: float) -> None:
    """Every parameter into [-c, c], BatchNorm's gain and shift among them (Arjovsky et al. 2017, Algorithm 1)."""
    parameters: list[Tensor] = list(network.parameters())
    torch._foreach_clamp_min_(parameters, -c)
    torch._foreach_clamp_max_(parameters, c)
