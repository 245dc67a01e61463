"""The claims of MR-GAN, each a number that must lie beyond a threshold.

LPIPS and people's judgement of realism are the thesis's measures; where others stand in for them (a distance of pixels,
a Fréchet distance) the claim is made on those. Thresholds are ours wherever the thesis gives none.
"""

from collections.abc import Iterable
from functools import partial
from itertools import pairwise, product

from common.evaluation.names import NOTHING
from common.measurements.numbers import distance, diversity, ratio
from common.measurements.table import Missing, Table
from common.reporting.claims import claim

VARIANTS = tuple(f"{d} {p}MR{k}" for d in ("Gaussian", "Laplace") for p in ("", "proxy ") for k in (1, 2))
BEST = ("Gaussian MR1", "Gaussian proxy MR1", "Gaussian proxy MR2")
PIX2PIX, PROXY = "Pix2Pix+noise", "Gaussian proxy MR2"
BASELINES = (PIX2PIX, "BicycleGAN")


def realism(t: Table, model: str, **condition) -> float:
    """People's, or minus the Fréchet distance: higher is better."""
    if "realism" in set(t.rows["metric"]):
        return t.value(metric="realism", model=model, **condition)
    return -distance(t, model, **condition)


def lead(one: float, other: float) -> float:
    """Of two realisms: in people's scale of 0 to 1, or as a share of the other's Fréchet distance."""
    return one - other if other >= 0 else (one - other) / -other


def diversities(t: Table, models: Iterable[str], others: Iterable[str], **condition) -> dict[str, float]:
    """Each of ``models`` over each of ``others``."""
    return {
        f"{one} over {other}": ratio(diversity(t, one, **condition), diversity(t, other, **condition))
        for one, other in product(models, others)
    }


def leads(t: Table, pairs: Iterable[tuple[str, str]], task: str) -> dict[str, float]:
    """In realism."""
    return {
        f"{one} over {other}": lead(realism(t, one, task=task), realism(t, other, task=task)) for one, other in pairs
    }


def competitive(t: Table, baseline: str, **condition) -> float:
    """Realism that proxy MR2 loses."""
    return -lead(*(realism(t, model, **condition) for model in (PROXY, baseline)))


def hole(t: Table) -> dict[str, str]:
    """Where inpainting's numbers stand: the box around the hole by itself; in the thesis the whole picture."""
    return {"part": "box"} if "part=box" in set(t.rows["condition"]) else {"task": "inpainting"}


def variance(t: Table, model: str, **condition) -> float:
    """Conditional variance as a share of the true one."""
    return t.value(metric="variance_share", model=model, **condition)


# --- Table 5.1 ---------------------------------------------------------------------------------------------------

cityscapes = partial(claim, experiment="mrgan_cityscapes", where="Section 5.2")
superresolution = partial(claim, experiment="mrgan_celeba_superresolution")
inpainting = partial(claim, experiment="mrgan_celeba_inpainting")


@cityscapes(
    where="Section 5.2, Table 5.1(a)",
    above=1.0,
    ratio=True,
    text="all variants are more diverse than the baselines, without exception",
)
def all_more_diverse(t: Table) -> dict[str, float]:
    return diversities(t, VARIANTS, BASELINES, task="translation")


@cityscapes(
    where="Table 5.1(a)",
    above=2.0,
    ratio=True,
    text="the reconstruction loss leaves next to no diversity: each Gaussian variant has at least twice Pix2Pix's",
)
def reconstruction_kills_diversity(t: Table) -> dict[str, float]:
    gaussian = [name for name in VARIANTS if name.startswith("Gaussian")]
    return diversities(t, gaussian, [PIX2PIX], task="translation")


@cityscapes(above=0.0, text="Gaussian MR1, proxy MR1 and proxy MR2 are more realistic than both baselines")
def best_three_more_realistic(t: Table) -> dict[str, float]:
    return leads(t, product(BEST, BASELINES), "translation")


@cityscapes(above=1.0, ratio=True, text="and more diverse")
def best_three_more_diverse(t: Table) -> dict[str, float]:
    return diversities(t, BEST, BASELINES, task="translation")


@cityscapes(
    above=-0.1, text="matching the mean only gives Gaussian variants comparable or better realism than the variance too"
)
def one_moment_is_enough(t: Table) -> dict[str, float]:
    return leads(t, (("Gaussian MR1", "Gaussian MR2"), ("Gaussian proxy MR1", PROXY)), "translation")


@cityscapes(
    where="after equation 4.6; the claim is ours",
    whose="ours",
    below=1.0,
    ratio=True,
    text="proxy MR2 brings the conditional mean nearer to the truth than Pix2Pix has it",
)
def mean_is_nearer(t: Table) -> float:
    one, other = (t.value(metric="mean_error", model=model, task="translation") for model in (PROXY, PIX2PIX))
    return one / other


@cityscapes(
    where="Section 3.2",
    of="numbers",
    above=0.5,
    below=2.0,
    ratio=True,
    text="and restores the conditional variance: to half to twice the true one",
)
def variance_is_restored(t: Table) -> float:
    return variance(t, PROXY, task="translation")


@superresolution(
    where="Table 5.1(b)", above=2.0, ratio=True, weak="M", text="SRGAN's outputs become diverse with proxy MR2"
)
def superresolution_more_diverse(t: Table) -> dict[str, float]:
    return diversities(t, [PROXY], ["SRGAN+noise"], task="super-resolution")


@inpainting(where="Table 5.1(c)", above=2.0, ratio=True, weak="M", text="GLCIC's outputs become diverse with proxy MR2")
def inpainting_more_diverse(t: Table) -> dict[str, float]:
    return diversities(t, [PROXY], ["GLCIC+noise"], **hole(t))


@superresolution(where="Section 5.2, Table 5.1(b)", below=0.1, text="at competitive realism: no more than 0.1 lost")
def superresolution_is_competitive(t: Table) -> float:
    return competitive(t, "SRGAN+noise", task="super-resolution")


@inpainting(where="Section 5.2, Table 5.1(c)", below=0.1, text="at competitive realism: no more than 0.1 lost")
def inpainting_is_competitive(t: Table) -> float:
    return competitive(t, "GLCIC+noise", **hole(t))


REAL_PAIRS = "random real data"
below_real = partial(
    claim, above=0.1, below=1.0, ratio=True, text="outputs are diverse, and less so than random real images"
)


@below_real(experiment="mrgan_cityscapes", where="Table 5.1(a)")
def translation_below_real(t: Table) -> dict[str, float]:
    return diversities(t, VARIANTS, [REAL_PAIRS], task="translation")


@below_real(experiment="mrgan_celeba_superresolution", where="Table 5.1(b)")
def superresolution_below_real(t: Table) -> dict[str, float]:
    return diversities(t, [PROXY], [REAL_PAIRS], task="super-resolution")


@below_real(experiment="mrgan_celeba_inpainting", where="Table 5.1(c)")
def inpainting_below_real(t: Table) -> dict[str, float]:
    return diversities(t, [PROXY], [REAL_PAIRS], task="inpainting")


@cityscapes(
    whose="ours",
    above=0.5,
    below=1.1,
    ratio=True,
    text="proxy MR2's outputs are about as diverse as random true outputs of one layout, which streets have",
)
def as_diverse_as_the_truth(t: Table) -> dict[str, float]:
    return diversities(t, [PROXY], ["random true outputs"], task="translation")


# --- Figure 3.1 and Appendix F -----------------------------------------------------------------------------------

mismatch = partial(claim, experiment="mrgan_loss_mismatch")
share = partial(mismatch, of="numbers")  # of the true variance
combinations = partial(claim, experiment="mrgan_loss_combinations", where="Figure F.1", of="numbers")


def ignored(t: Table, model: str) -> float:
    """Conditional variance over that with the GAN loss only, which must be there to be taken."""
    if (without := variance(t, "GAN only")) < 0.1:
        raise Missing("a GAN without reconstruction that uses its noise")
    return ratio(variance(t, model), without)


@share(
    where="Section 3.2",
    below=0.2,
    ratio=True,
    text="with the L1 loss only the noise is ignored: outputs vary by next to nothing of what the GAN's vary by",
)
def l1_ignores_noise(t: Table) -> float:
    return ignored(t, "L1 only")


@share(where="Figure 3.1(e)", below=0.2, ratio=True, text="and so it is with the GAN loss beside it")
def both_ignore_noise(t: Table) -> float:
    return ignored(t, PIX2PIX)


@share(where="Figure 3.1(f)", above=0.25, text="proxy MR2 uses the noise: at least a quarter of the true variance")
def proxy_uses_noise(t: Table) -> float:
    return variance(t, PROXY)


@mismatch(
    where="Figure 3.1(c)",
    above=1.0,
    ratio=True,
    text="the GAN loss alone is not enough: outputs lie further from the true ones than with the L1 loss beside it",
)
def gan_alone_is_worse(t: Table) -> float:
    one, other = (t.value(metric="distance_to_truth", model=model) for model in ("GAN only", PIX2PIX))
    return one / other


@combinations(below=0.05, text="without the GAN loss MR1 and proxy MR1 have variances near zero")
def first_moment_alone_has_no_variance(t: Table) -> dict[str, float]:
    return {name: variance(t, f"{name} alone") for name in ("MR1", "proxy MR1")}


@combinations(above=0.1, weak="M", text="MR2 and proxy MR2 do generate diverse outputs")
def second_moment_alone_has_variance(t: Table) -> dict[str, float]:
    return {name: variance(t, f"{name} alone") for name in ("MR2", "proxy MR2")}


@combinations(
    below=0.0, text="MR2's variance is nearer to the true one (in the thesis: to the predicted one) than proxy MR2's"
)
def mr2_is_nearer_in_variance(t: Table) -> float:
    return abs(variance(t, "MR2 alone") - 1) - abs(variance(t, "proxy MR2 alone") - 1)


@combinations(
    where="Figure F.2", below=0.0, text="as the weight of the reconstruction loss grows, the variance of outputs falls"
)
def reconstruction_takes_variance(t: Table) -> dict[str, float]:
    """The rise from one weight to the next."""
    shares = {0: variance(t, PROXY), **{weight: variance(t, f"reconstruction {weight}") for weight in (10, 100)}}
    return {f"from {a} to {b}": shares[b] - shares[a] for a, b in pairwise(shares)}


@combinations(
    of="samples",
    where="Appendix F",
    above=1.0,
    ratio=True,
    text="the quality of samples deteriorates up to a certain weight, but gets back to normal: the distance at 10 is "
    "larger than at 0 and at 100",
)
def quality_dips_in_between(t: Table) -> dict[str, float]:
    between = distance(t, "reconstruction 10")
    return {
        f"over {weight}": between / distance(t, model) for weight, model in ((0, PROXY), (100, "reconstruction 100"))
    }


# --- Appendix B.1 ------------------------------------------------------------------------------------------------


@claim(
    experiment="mrgan_loss_weights",
    where="Appendix B.1",
    above=1 / 1.5,
    below=1.5,
    ratio=True,
    text="the weight of proxy MR2 can be set from tens to thousands with similar results: diversity and distance at "
    "100 and 1,000 are within a factor of 1.5 of those at 10",
)
def weights_do_alike(t: Table) -> dict[str, float]:
    if distance(t, PROXY) >= distance(t, NOTHING):
        raise Missing("a model that does better than one that knows nothing")
    return {
        f"{name} at {weight}": ratio(number(t, f"weight {weight}"), number(t, PROXY))
        for name, number in (("diversity", diversity), ("distance", distance))
        for weight in (100, 1000)
    }


# --- Appendix C --------------------------------------------------------------------------------------------------

collapse = partial(claim, experiment="mrgan_mode_collapse", where="Appendix C")


MOMENTS = ("MR1", "MR2", "proxy MR1", "proxy MR2")


def captures_all(t: Table, model: str) -> float:
    return t.value(metric="captures_all_modes", model=model)


def baseline_captures_all(t: Table, model: str) -> float:
    """Where updates suffice some moment loss to."""
    if not any(captures_all(t, name) for name in MOMENTS):
        raise Missing("a moment loss that captures all modes")
    return captures_all(t, model)


@collapse(above=7.5, text="MR1, MR2, proxy MR1 and proxy MR2 capture all eight modes")
def moments_keep_modes(t: Table) -> dict[str, float]:
    return {model: t.value(metric="modes", model=model) for model in MOMENTS}


@collapse(above=0.5, below=1.5, text="with the GAN loss only one mode is captured")
def gan_captures_one(t: Table) -> float:
    return t.value(metric="modes", model="GAN")


@collapse(below=0.5, text="with the GAN loss only fewer than eight modes are captured, in updates that suffice others")
def gan_loses_modes(t: Table) -> float:
    return baseline_captures_all(t, "GAN")


@collapse(below=0.5, text="the L2 loss cannot fix that: not all modes are captured")
def l2_does_not_help(t: Table) -> float:
    if captures_all(t, "GAN"):
        raise Missing("a GAN that collapses")
    return baseline_captures_all(t, "GAN+l2")


@collapse(
    where="Figure C.1(d)",
    of="training",
    above=0.9,
    below=1.1,
    ratio=True,
    text="the predictor's variance is close to the data's: within a tenth",
)
def predictor_finds_the_variance(t: Table) -> dict[str, float]:
    models = ("proxy MR1", "proxy MR2")
    return {model: t.value(metric="predicted_variance_share", model=model) for model in models}


@claim(
    experiment="mrgan_sample_count",
    where="Section 5.1",
    above=0.0,
    text="MR2 is more sensitive to the number of outputs an input than proxy MR2: with 4 instead of 32 a larger share "
    "of its samples leaves the modes",
)
def mr2_needs_more_outputs(t: Table) -> float:
    def lost(model: str) -> float:
        many, few = (t.value(metric="near_a_mode", model=model, K=count) for count in (32, 4))
        return many - few

    return lost("MR2") - lost("proxy MR2")
