"""The claims of *Wasserstein GAN*, each a number that must lie beyond a threshold.

Thresholds are ours wherever the paper gives none: it argues with curves and pictures.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from common.measurements.numbers import distance
from common.measurements.table import Missing, Table
from common.reporting.claims import Claim, claim

LOG_2 = float(np.log(2))


def value(t: Table, metric: str, model: str) -> float:
    return t.value(metric=metric, model=model)


lines = partial(claim, experiment="wgan_parallel_lines", where="Example 1")


def off_zero(t: Table, metric: str) -> list[float]:
    """The values of a metric at every θ but 0."""
    values = [found for theta, found in t.by("theta", metric=metric).items() if theta]
    if not values:
        raise Missing(f"{metric} at θ ≠ 0")
    return values


@lines(below=0.05, text="W(P0, Pθ) = |θ| for every θ")
def w_is_theta(t: Table) -> float:
    """The largest error over θ."""
    return max(abs(w - abs(theta)) for theta, w in t.by("theta", metric="W").items())


@lines(above=0.95, text="JS = log 2 wherever θ ≠ 0")
def js_is_log_2(t: Table) -> float:
    """The smallest JS over θ ≠ 0, as a share of log 2."""
    return min(off_zero(t, "JS")) / LOG_2


@lines(below=0.05, text="JS = 0 at θ = 0")
def js_is_0_at_0(t: Table) -> float:
    return t.value(metric="JS", theta=0.0)


@lines(above=0.95, text="TV = 1 wherever θ ≠ 0")
def tv_is_1(t: Table) -> float:
    return min(off_zero(t, "TV"))


@lines(above=0.5, text="KL is infinite wherever θ ≠ 0: its estimate grows with the logarithm of the sample count")
def kl_has_no_bound(t: Table) -> float:
    """On the paper's numbers: infinity. On ours: the slope of the estimate against log n (0 if it converged)."""
    if not t.select(metric="KL_at_half").empty:
        curve = t.by("samples", metric="KL_at_half")
        if len(curve) < 2:
            raise Missing("KL_at_half by samples, twice")
        return float(np.polyfit(np.log(list(curve)), list(curve.values()), 1)[0])
    return min(off_zero(t, "KL"))


@lines(where="Figure 1", above=0.5, text="the EM distance has a usable slope between θ = 0.1 and 1, JS has none")
def only_em_has_a_slope(t: Table) -> float:
    """Relative change of W from θ = 1 to 0.1 less that of JS: 0.9 if W = |θ| and JS is constant."""
    near_and_far = [[t.value(metric=metric, theta=theta) for theta in (0.1, 1.0)] for metric in ("W", "JS")]
    em, js = (abs(far - near) / far for near, far in near_and_far)
    return em - js


gaussians = partial(claim, experiment="wgan_two_gaussians", where="Figure 2")


@gaussians(below=0.01, text="the discriminator is trained to optimality: its JS estimate is the true JS to 0.01 nats")
def discriminator_is_optimal(t: Table) -> float:
    return value(t, "js_gap", "GAN discriminator")


@gaussians(below=0.01, text="the discriminator saturates: on typical fakes its gradient all but vanishes")
def discriminator_saturates(t: Table) -> float:
    return value(t, "relative_gradient_on_fakes", "GAN discriminator")


@gaussians(
    above=0.1, text="the critic's gradient is clean everywhere: nowhere around the means below a tenth of its steepest"
)
def critic_gradient_everywhere(t: Table) -> float:
    return value(t, "least_relative_gradient", "WGAN critic")


@gaussians(where="Section 3", above=0.95, text="the critic converges to a linear function")
def critic_is_linear(t: Table) -> float:
    return value(t, "linearity", "WGAN critic")


curves = partial(claim, experiment="wgan_lsun_curves")


def change(t: Table, estimate: str, model: str) -> float:
    """The end of a curve over its beginning."""
    return value(t, f"{estimate}_last", model) / value(t, f"{estimate}_first", model)


def of_generators(effect: Callable[[Table, str], float], where: str, text: str, **said) -> list[Claim]:
    """The claim of the DCGAN and that of the MLP, by what ``where`` and ``text`` say of each."""
    generators = {"DCGAN": {"a": "a DCGAN", "side": "right"}, "MLP": {"a": "an MLP", "side": "left"}}
    claims = []
    for name, words in generators.items():
        made = curves(where=where.format(**words), text=text.format(**words, name=name), **said)
        claims.append(made(lambda t, name=name: effect(t, name)))
    return claims


em_tracks_quality_dcgan, em_tracks_quality_mlp = of_generators(
    lambda t, generator: value(t, "em_estimate_quality_correlation", f"WGAN · {generator}"),
    "Figure 3, upper {side}",
    "with {a} generator the EM estimate correlates with sample quality",
    above=0.7,
)
em_falls_dcgan, em_falls_mlp = of_generators(
    lambda t, generator: change(t, "em_estimate", f"WGAN · {generator}"),
    "Figure 3, upper {side}",
    "with {a} generator the EM estimate falls",
    below=1.0,
    ratio=True,
)


@curves(where="Figure 3, below", below=0.2, text="the failed MLP/MLP run has a constant loss")
def failed_loss_is_constant(t: Table) -> float:
    return value(t, "loss_variation", "WGAN · MLP/MLP")


@curves(where="Figure 3, below", below=0.2, text="the failed MLP/MLP run has constant samples")
def failed_samples_are_constant(t: Table) -> float:
    return value(t, "sample_change", "WGAN · MLP/MLP")


js_saturates_dcgan, js_saturates_mlp = of_generators(
    lambda t, generator: value(t, "js_saturated", f"GAN · {generator}"),
    "Section 4.2",
    "the GAN's JS estimate stays close to log 2 for most of the training ({name})",
    above=0.5,
)


@curves(where="Figure 4, upper right", above=0.9, ratio=True, text="the GAN's JS estimate does not fall (DCGAN)")
def js_does_not_fall_dcgan(t: Table) -> float:
    return change(t, "js_estimate", "GAN · DCGAN")


@curves(where="Figure 4, upper left", above=1.0, ratio=True, text="the GAN's JS estimate increases (MLP)")
def js_increases_mlp(t: Table) -> float:
    return change(t, "js_estimate", "GAN · MLP")


@curves(
    where="Figure 4, upper right", below=1.0, ratio=True, text="while samples of the GAN with a DCGAN generator improve"
)
def gan_samples_improve(t: Table) -> float:
    return value(t, "quality_change", "GAN · DCGAN")


@curves(
    where="Figure 4",
    below=0.3,
    text="the JS estimate does not correlate with sample quality, in either direction (DCGAN)",
)
def js_does_not_track_quality(t: Table) -> float:
    """The size of the rank correlation."""
    return abs(value(t, "js_estimate_quality_correlation", "GAN · DCGAN"))


generator_loss_increases_dcgan, generator_loss_increases_mlp = of_generators(
    lambda t, generator: value(t, "generator_loss_change", f"GAN · {generator}"),
    "Figure 8, upper {side}",
    "the GAN's generator loss increases ({name})",
    above=1.0,
    ratio=True,
)

CONSTANT = "no BN, constant width"
robustness = partial(claim, experiment="wgan_robustness", where="Figure 7")


@robustness(
    where="Figure 5",
    below=1.5,
    ratio=True,
    text="with a DCGAN generator both algorithms do well: neither is much worse",
)
def both_do_well(t: Table) -> float:
    """The larger distance over the smaller."""
    wgan, gan = distance(t, "WGAN · DCGAN"), distance(t, "GAN · DCGAN")
    return max(wgan, gan) / min(wgan, gan)


@robustness(
    where="Figure 6", below=1.0, ratio=True, text="without BatchNorm and with constant width WGAN is better than GAN"
)
def wgan_better_constant(t: Table) -> float:
    return distance(t, f"WGAN · {CONSTANT}") / distance(t, f"GAN · {CONSTANT}")


@robustness(below=1.0, ratio=True, text="with an MLP generator WGAN is better than GAN")
def wgan_better_mlp(t: Table) -> float:
    return distance(t, "WGAN · MLP") / distance(t, "GAN · MLP")


@robustness(above=1.0, ratio=True, text="WGAN's MLP is of lower quality than its DCGAN")
def wgan_mlp_worse_than_dcgan(t: Table) -> float:
    return distance(t, "WGAN · MLP") / distance(t, "WGAN · DCGAN")


@robustness(above=0.0, text="the GAN's MLP collapses: it covers fewer modes than WGAN's")
def gan_mlp_drops_modes(t: Table) -> float:
    return value(t, "modes_covered", "WGAN · MLP") - value(t, "modes_covered", "GAN · MLP")


@robustness(
    where="Section 4.3", above=0.99, text="no mode collapse with WGAN: every mode is covered with each generator"
)
def wgan_covers_all_modes(t: Table) -> float:
    """The least share of the ten classes that a WGAN covers."""
    return min(value(t, "modes_covered", f"WGAN · {g}") for g in ("DCGAN", CONSTANT, "MLP")) / 10


@robustness(
    where="Figure 6",
    above=10.0,
    ratio=True,
    bar_of="paper",
    text="the constant-width generator has “a bit more than an order of magnitude” fewer parameters",
)
def constant_width_is_small(t: Table) -> float:
    """Counted at the published sizes, whatever the scale."""
    dcgan, constant = (value(t, "published_generator_parameters", f"WGAN · {g}") for g in ("DCGAN", CONSTANT))
    return dcgan / constant


momentum = partial(claim, experiment="wgan_critic_momentum", where="Section 4.2")


def more_often(metric: str, arm: str, text: str) -> Claim:
    """With an arm than with RMSProp."""
    return momentum(above=0.0, text=text)(lambda t: value(t, metric, arm) - value(t, metric, "RMSProp"))


adam_blows_up = more_often(
    "blow_up", "Adam β1=0.9", "training blows up more often with Adam (β1 = 0.9) on the critic than with RMSProp"
)
high_rate_blows_up = more_often("blow_up", "RMSProp, rate ×20", "training blows up more often at a high learning rate")
adam_turns_against_gradient = more_often(
    "negative_cosine", "Adam β1=0.9", "Adam's steps (β1 = 0.9) turn against the gradient more often than RMSProp's"
)


@momentum(below=0.01, text="without momentum (β1 = 0) Adam's steps do not turn against the gradient")
def without_momentum_never(t: Table) -> float:
    return value(t, "negative_cosine", "Adam β1=0")
