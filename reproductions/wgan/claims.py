"""The claims of *Wasserstein GAN*, each a number that must lie beyond a threshold.

Thresholds are ours wherever the paper gives none: it argues with curves and pictures.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from common.evaluation.names import NOTHING
from common.measurements.numbers import distance
from common.measurements.table import Missing, Table
from common.reporting.claims import Claim, claim

LOG_2 = float(np.log(2))


def value(t: Table, metric: str, model: str) -> float:
    return t.value(metric=metric, model=model)


# Theorems; what is measured is whether our estimators find them.
lines = partial(claim, experiment="wgan_parallel_lines", where="Example 1", whose="ours", of="numbers")


def off_zero(t: Table, metric: str) -> dict[str, float]:
    """The values of a metric at every θ but 0."""
    values = {f"θ = {theta:g}": found for theta, found in t.by("theta", metric=metric).items() if theta}
    if not values:
        raise Missing(f"{metric} at θ ≠ 0")
    return values


@lines(above=-0.05, below=0.05, text="W(P0, Pθ) = |θ| for every θ")
def w_is_theta(t: Table) -> dict[str, float]:
    """The error at each θ."""
    return {f"θ = {theta:g}": w - abs(theta) for theta, w in t.by("theta", metric="W").items()}


@lines(above=0.95, text="JS = log 2 wherever θ ≠ 0")
def js_is_log_2(t: Table) -> dict[str, float]:
    """JS at each θ ≠ 0, as a share of log 2."""
    return {theta: js / LOG_2 for theta, js in off_zero(t, "JS").items()}


@lines(below=0.05, text="JS = 0 at θ = 0")
def js_is_0_at_0(t: Table) -> float:
    return t.value(metric="JS", theta=0.0)


@lines(above=0.95, text="TV = 1 wherever θ ≠ 0")
def tv_is_1(t: Table) -> dict[str, float]:
    return off_zero(t, "TV")


@lines(above=0.5, text="KL is infinite wherever θ ≠ 0: its estimate grows with the logarithm of the sample count")
def kl_has_no_bound(t: Table) -> float:
    """On the paper's numbers: infinity. On ours: the slope of the estimate against log n (0 if it converged)."""
    if not t.select(metric="KL_at_half").empty:
        curve = t.by("samples", metric="KL_at_half")
        if len(curve) < 2:
            raise Missing("KL_at_half by samples, twice")
        return float(np.polyfit(np.log(list(curve)), list(curve.values()), 1)[0])
    return min(off_zero(t, "KL").values())


@lines(where="Figure 1", above=0.5, text="the EM distance has a usable slope between θ = 0.1 and 1, JS has none")
def only_em_has_a_slope(t: Table) -> float:
    """Relative change of W from θ = 1 to 0.1 less that of JS: 0.9 if W = |θ| and JS is constant."""
    near_and_far = [[t.value(metric=metric, theta=theta) for theta in (0.1, 1.0)] for metric in ("W", "JS")]
    em, js = (abs(far - near) / far for near, far in near_and_far)
    return em - js


gaussians = partial(claim, experiment="wgan_two_gaussians", where="Figure 2", of="training")


@gaussians(below=0.01, whose="ours", text="the discriminator is optimal: its JS estimate is the true JS to 0.01 nats")
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
    """The end of a curve over where it began when the critic was warm."""
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
    correlation=True,
)
em_falls_dcgan, em_falls_mlp = of_generators(
    lambda t, generator: change(t, "em_estimate", f"WGAN · {generator}"),
    "Figure 3, upper {side}",
    "with {a} generator the EM estimate falls",
    below=1.0,
    ratio=True,
)


@curves(
    where="Figure 3",
    below=1.0,
    ratio=True,
    text="with one critic losses can be compared: the DCGAN ends with the lower EM estimate and the better samples",
)
def losses_can_be_compared(t: Table) -> dict[str, float]:
    ends = {m: value(t, "em_estimate_last", f"WGAN · {m}") for m in ("DCGAN", "MLP")}
    return {
        "EM estimate": ends["DCGAN"] / ends["MLP"],
        "distance": distance(t, "WGAN · DCGAN") / distance(t, "WGAN · MLP"),
    }


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
    correlation=True,
    text="a lower JS estimate does not mean better samples: no positive correlation (DCGAN)",
)
def js_does_not_track_quality(t: Table) -> float:
    """Of the estimate with the distance. The paper's own curve rises while samples improve: -1."""
    return value(t, "js_estimate_quality_correlation", "GAN · DCGAN")


generator_loss_increases_dcgan, generator_loss_increases_mlp = of_generators(
    lambda t, generator: value(t, "generator_loss_change", f"GAN · {generator}"),
    "Figure 8, upper {side}",
    "the GAN's generator loss increases ({name})",
    above=1.0,
    ratio=True,
)


failed_run = partial(claim, experiment="wgan_failed_run", of="training")


def against_one_that_learns(t: Table, metric: str) -> float:
    """Of the failed WGAN, over the WGAN whose critic is a DCGAN. A training that did not fail is no case of it."""
    if distance(t, "WGAN · MLP/MLP") < 2 * distance(t, "WGAN · MLP"):
        raise Missing("a failed training: this one came within twice the distance of one that works")
    return value(t, metric, "WGAN · MLP/MLP") / value(t, metric, "WGAN · MLP")


@failed_run(
    where="Figure 3, below",
    below=1.0,
    ratio=True,
    text="where training fails the loss is constant: it varies less than where training works",
)
def failed_loss_is_constant(t: Table) -> float:
    return against_one_that_learns(t, "loss_variation")


@failed_run(
    where="Figure 3, below",
    below=1.0,
    ratio=True,
    text="and so are the samples: they change less than where training works",
)
def failed_samples_are_constant(t: Table) -> float:
    return against_one_that_learns(t, "sample_change")


@failed_run(
    where="Figure 4, below",
    above=-0.5,
    below=0.5,
    correlation=True,
    text="the GAN's JS estimate goes up and down: it has no trend along the training",
)
def js_goes_up_and_down(t: Table) -> float:
    return value(t, "js_estimate_trend", "GAN · MLP/MLP")


CONSTANT = "no BN, constant width"
robustness = partial(claim, experiment="wgan_robustness", where="Figure 7")


def wgan_over_gan(t: Table, generator: str) -> float:
    return distance(t, f"WGAN · {generator}") / distance(t, f"GAN · {generator}")


@robustness(
    where="Figure 5",
    above=1 / 1.5,
    below=1.5,
    ratio=True,
    text="with a DCGAN generator both algorithms do well: neither is much worse",
)
def both_do_well(t: Table) -> float:
    if max(distance(t, f"{algorithm} · DCGAN") for algorithm in ("WGAN", "GAN")) >= distance(t, NOTHING):
        raise Missing("two models that do better than one that knows nothing")
    return wgan_over_gan(t, "DCGAN")


@robustness(
    where="Figure 6", below=1.0, ratio=True, text="without BatchNorm and with constant width WGAN is better than GAN"
)
def wgan_better_constant(t: Table) -> float:
    return wgan_over_gan(t, CONSTANT)


@robustness(below=1.0, ratio=True, text="with an MLP generator WGAN is better than GAN")
def wgan_better_mlp(t: Table) -> float:
    return wgan_over_gan(t, "MLP")


@robustness(above=1.0, ratio=True, text="WGAN's MLP is of lower quality than its DCGAN")
def wgan_mlp_worse_than_dcgan(t: Table) -> float:
    return distance(t, "WGAN · MLP") / distance(t, "WGAN · DCGAN")


@robustness(above=0.0, text="the GAN's MLP collapses: it covers fewer modes than WGAN's")
def gan_mlp_drops_modes(t: Table) -> float:
    return value(t, "modes_covered", "WGAN · MLP") - value(t, "modes_covered", "GAN · MLP")


@robustness(
    where="Section 4.3",
    above=5.0,
    text="no mode collapse with WGAN: more than half of the ten classes are covered with each generator",
)
def wgan_covers_most_modes(t: Table) -> dict[str, float]:
    return {g: value(t, "modes_covered", f"WGAN · {g}") for g in ("DCGAN", CONSTANT, "MLP")}


momentum = partial(claim, experiment="wgan_critic_momentum", where="Section 4.2")
MOMENTUM, HIGH_RATE = "Adam β1=0.9", "RMSProp, rate ×20"


def less_stable(arm: str, text: str) -> Claim:
    """Than with RMSProp at the usual rate: by share of updates."""
    return momentum(above=0.0, text=text)(lambda t: value(t, "unstable", arm) - value(t, "unstable", "RMSProp"))


def learns_worse(arm: str, text: str) -> Claim:
    return momentum(above=1.0, ratio=True, text=text)(lambda t: distance(t, arm) / distance(t, "RMSProp"))


momentum_is_less_stable = less_stable(
    MOMENTUM, "with momentum on the critic (Adam, β1 = 0.9) the estimate drops more often than with RMSProp"
)
momentum_learns_worse = learns_worse(MOMENTUM, "“momentum based methods seemed to perform worse”: samples too")
high_rate_is_less_stable = less_stable(HIGH_RATE, "and so it does at a high learning rate")
high_rate_learns_worse = learns_worse(HIGH_RATE, "and samples get worse at a high learning rate")


@momentum(
    above=1.0, ratio=True, text="the steps that turn against the gradient lie near instabilities (Adam, β1 = 0.9)"
)
def against_gradient_in_instabilities(t: Table) -> float:
    """How many times as often as updates at large. A training without either has no such places."""
    return value(t, "negative_cosine_near_instability", MOMENTUM)
