"""The claims of cGML, each a number that must lie beyond a threshold. Thresholds are ours."""

import contextlib
from functools import partial

from common.measurements.conditions import values_of
from common.measurements.numbers import ratio
from common.measurements.table import Curve, Missing, Table
from common.reporting.claims import claim

OURS, WITHOUT = "cGML", "cGML (w/o ρ)"

# --- Points --------------------------------------------------------------------------------------------------------

on_toy = partial(claim, experiment="cgml_toy")
uncertainty = partial(claim, experiment="cgml_toy_uncertainty", above=1.0, ratio=True, weak="V")
choices = partial(claim, experiment="cgml_choices")


def toy(t: Table, metric: str, model: str = OURS) -> float:
    return t.value(metric=metric, model=model, task="toy")


@on_toy(where="Section 4, Figure 3(b)", below=0.4, weak="V", text="L1 regression generates the line y = 0")
def l1_gives_zero(t: Table) -> float:
    """The mean size of outputs; that of the branches is 1.5."""
    return toy(t, "y", "L1")


@on_toy(
    where="Figure 3(e)", above=0.9, text="the method's outputs lie on the branches: at least nine tenths are near one"
)
def ours_is_near(t: Table) -> float:
    return toy(t, "near_branch")


@on_toy(where="Figure 3(e)", above=0.2, text="and both branches are reached, each by a fifth at least")
def both_branches(t: Table) -> float:
    return toy(t, "rarer_branch")


@on_toy(
    where="Section 4, Figure 3(c), (e)",
    above=0.01,
    weak="V",
    text="without ρ there is a phantom distribution, which ρ removes: fewer outputs in the middle of the branches",
)
def momentum_removes_phantom(t: Table) -> float:
    return toy(t, "phantom_share", WITHOUT) - toy(t, "phantom_share")


@on_toy(where="Figure 3(d)", below=1.0, ratio=True, text="E[ρ] is lower near the branches than away from them")
def momentum_is_lower_near(t: Table) -> float:
    return ratio(toy(t, "momentum_near"), toy(t, "momentum_away"))


@on_toy(
    where="Section 3, Figures 6 and 40",
    below=0.5,
    ratio=True,
    text="outputs improve along the steps of inference: the error at the end is less than half of that at the start",
)
def steps_help(t: Table) -> float:
    return ratio(toy(t, "error"), toy(t, "error_at_start"))


def outwards(t: Table, metric: str) -> float:
    """The number outside of the training data over that inside."""
    inside, outside = (t.value(metric=f"{metric}_{part}", model=OURS) for part in ("inside", "outside"))
    return ratio(outside, inside)


@uncertainty(where="Appendix 2.5, Figure 22", text="uncertainty grows away from the training data")
def uncertainty_grows(t: Table) -> float:
    return outwards(t, "variance")


@uncertainty(
    where="Appendix 2.5; over the outputs' size is ours",
    whose="ours",
    text="and by more than the outputs themselves grow",
)
def relative_uncertainty_grows(t: Table) -> float:
    return outwards(t, "relative_variance")


@choices(
    where="Section 2.2, Figure 3; the setting is ours",
    weak="V",
    above=0.01,
    text="with a code of one dimension, off the sphere, the phantom shows without ρ, and ρ removes it",
)
def phantom_of_a_scalar_code(t: Table) -> float:
    without, with_it = (t.value(metric="phantom_share", model="a code of 1", rho=rho) for rho in ("no", "yes"))
    return without - with_it


@choices(
    where="Section 2.1; the claim is ours",
    whose="ours",
    above=0.0,
    text="the Lipschitz penalty helps: more outputs near a branch with it",
)
def lipschitz_helps(t: Table) -> float:
    arms = ("as chosen", "no Lipschitz penalty")
    with_it, without = (t.value(metric="near_branch", model=arm, rho="yes") for arm in arms)
    return with_it - without


# --- Images --------------------------------------------------------------------------------------------------------

COLOURING_RIVALS = ("Izuka", "P2P", "CIC", "Chroma")
COMPLETION_RIVALS = ("DSGAN", "PN", "CE", "P2P", "CA", "RFR")
LOWER = ("LPIPS", "PieAPP")


def leads(t: Table, metric: str, rivals: tuple[str, ...], **where: str) -> dict[str, float]:
    """Ours less each rival's that the table has; of metrics that are better lower the other way round."""
    sign = -1 if metric in LOWER else 1
    found = {}
    for rival in rivals:
        with contextlib.suppress(Missing):
            found[rival] = t.value(metric=metric, model=rival, **where)
    if not found:
        raise Missing(f"{metric} of any of {', '.join(rivals)}")
    ours = t.value(metric=metric, model=OURS, **where)
    return {rival: sign * (ours - theirs) for rival, theirs in found.items()}


def error_along(t: Table) -> float:
    """The error at the end of inference over that at its start."""
    return t.value(metric="error_at_end", model=OURS) / t.value(metric="error_at_start", model=OURS)


# Colorization

colorization = partial(claim, experiment="cgml_colorization", where="Table 2")
best_colour = partial(colorization, above=0.0, weak="M")
latent_size = partial(claim, experiment="cgml_latent_size", where="Table 9")


def column(t: Table) -> str:
    """Which column of Table 2 the table stands for: STL, the first, where it has several."""
    columns = values_of(t.select(metric="PSNR", model=OURS, task="colorization"), "data").dropna()
    if columns.empty:
        raise Missing("PSNR of a colorization", OURS)
    return columns.iloc[0]


def coloured(t: Table, metric: str, model: str = OURS) -> float:
    return t.value(metric=metric, model=model, data=column(t), task="colorization")


def colour_leads(t: Table, metric: str, rivals: tuple[str, ...] = COLOURING_RIVALS) -> dict[str, float]:
    return leads(t, metric, rivals, data=column(t), task="colorization")


@best_colour(text="of the colorizations at hand ours has the best PSNR")
def best_colour_psnr(t: Table) -> dict[str, float]:
    return colour_leads(t, "PSNR")


@best_colour(text="and the best SSIM")
def best_colour_ssim(t: Table) -> dict[str, float]:
    return colour_leads(t, "SSIM")


@best_colour(text="and the lowest LPIPS")
def best_colour_lpips(t: Table) -> dict[str, float]:
    return colour_leads(t, "LPIPS")


@colorization(above=0.0, text="ρ helps: higher PSNR than without it")
def momentum_helps_colour_psnr(t: Table) -> dict[str, float]:
    return colour_leads(t, "PSNR", (WITHOUT,))


@colorization(above=0.0, text="and higher SSIM")
def momentum_helps_colour_ssim(t: Table) -> dict[str, float]:
    return colour_leads(t, "SSIM", (WITHOUT,))


@colorization(
    where="Table 8",
    above=0.0,
    text="of those at hand the distribution of its colours is nearest to the true one, in a as in b",
)
def nearest_colours(t: Table) -> dict[str, float]:
    return {f"{plane}, {rival}": one for plane in "ab" for rival, one in colour_leads(t, f"iou_{plane}").items()}


@colorization(where="Table 1", above=0.0, text="people like its colours best")
def preferred(t: Table) -> dict[str, float]:
    return colour_leads(t, "user_preference")


@colorization(
    where="Figure 10; the threshold is ours",
    above=1.5,
    text="one lightness is coloured in several ways: of four true colourings more than one is met",
)
def several_colourings(t: Table) -> float:
    return coloured(t, "modes_per_input")


@colorization(where="Section 5.2, Figure 7", above=0.0, text="its colours are more vibrant than the adversary's")
def more_vibrant(t: Table) -> float:
    return coloured(t, "colourfulness") - coloured(t, "colourfulness", "P2P")


@colorization(
    where="Appendix 3.3; the claim is ours",
    whose="ours",
    above=0.0,
    text="the pull towards a uniform distribution makes colours more vibrant",
)
def uniformity_is_vibrant(t: Table) -> float:
    return coloured(t, "colourfulness") - coloured(t, "colourfulness", "cGML, λ = 0")


@colorization(
    where="Figure 6",
    below=1.0,
    ratio=True,
    weak="O",
    text="outputs come nearer to a true colouring as the code converges at inference",
)
def steps_help_colours(t: Table) -> float:
    return error_along(t)


def by_size(t: Table, metric: str) -> Curve:
    return t.by("latent_size", metric=metric, model=OURS)


@latent_size(above=0.0, text="quality is best with 32 dimensions: LPIPS is lower than with 5 and with 128")
def best_lpips_between(t: Table) -> dict[str, float]:
    found = by_size(t, "LPIPS")
    return {str(size): found[size] - found[32] for size in (5, 128)}


@latent_size(where="Table 9; PSNR in place of LPIPS is ours", whose="ours", above=0.0, text="the same of PSNR, higher")
def best_psnr_between(t: Table) -> dict[str, float]:
    found = by_size(t, "PSNR")
    return {str(size): found[32] - found[size] for size in (5, 128)}


@latent_size(above=1.0, ratio=True, text="diversity grows with the code: more with 64 dimensions than with 5")
def larger_codes_are_more_diverse(t: Table) -> float:
    found = by_size(t, "diversity")
    return ratio(found[64], found[5])


# Completion

digits = partial(claim, experiment="cgml_mnist_completion", where="Figure 4")
white_box = partial(claim, experiment="cgml_mnist_white_box", above=0.5)
completion = partial(claim, experiment="cgml_image_completion", where="Table 3", above=0.0)
best_completion = partial(completion, weak="M")


@digits(below=1.0, ratio=True, text="digits are decided where L1 leaves them undecided: less grey in the hole")
def less_grey_than_l1(t: Table) -> float:
    ours, l1 = (t.value(metric="grey_share", model=model) for model in (OURS, "L1"))
    return ratio(ours, l1)


@digits(above=0.0, text="and nearer to the clean digit than CE's")
def nearer_than_ce(t: Table) -> dict[str, float]:
    return leads(t, "PSNR", ("CE",))


@digits(
    where="Figure 40",
    below=1.0,
    ratio=True,
    weak="O",
    text="the error against the clean digit falls along the steps of inference",
)
def steps_help_digits(t: Table) -> float:
    return error_along(t)


def both_modes(t: Table, rate: float) -> float:
    return t.value(metric="both_modes", model=f"rate {rate}")


@white_box(
    where="Section 5.1, Figure 5",
    weak="V",
    text="seen at a rate of 0.3, the box is in some outputs and not in others, for most digits",
)
def both_modes_at_the_rate(t: Table) -> float:
    return both_modes(t, 0.3)


@white_box(
    where="Section 5.1",
    weak="V",
    text="and for far fewer at a rate of 0.1: the share of digits that show both differs by a half",
)
def rate_matters(t: Table) -> float:
    return both_modes(t, 0.3) - both_modes(t, 0.1)


@white_box(
    where="Section 5.1; the rate is ours",
    whose="ours",
    text="both modes show for most digits at 0.5, where both are as likely",
)
def both_modes_at_a_half(t: Table) -> float:
    return both_modes(t, 0.5)


def completion_leads(
    t: Table, metric: str, rivals: tuple[str, ...] = COMPLETION_RIVALS, mask: str = "25%"
) -> dict[str, float]:
    return leads(t, metric, rivals, mask=mask, task="completion")


@best_completion(text="with a quarter missing ours has the best PSNR of the methods at hand")
def best_completion_psnr(t: Table) -> dict[str, float]:
    return completion_leads(t, "PSNR")


@best_completion(text="and the best SSIM")
def best_completion_ssim(t: Table) -> dict[str, float]:
    return completion_leads(t, "SSIM")


@best_completion(text="and the lowest LPIPS")
def best_completion_lpips(t: Table) -> dict[str, float]:
    return completion_leads(t, "LPIPS")


@completion(text="it beats a GAN of its own capacity (CE) in PSNR, whatever the mask")
def better_than_ce(t: Table) -> dict[str, float]:
    return {mask: completion_leads(t, "PSNR", ("CE",), mask)["CE"] for mask in ("10%", "15%", "25%")}


@completion(text="ρ helps: higher PSNR with a quarter missing")
def momentum_helps_completion(t: Table) -> dict[str, float]:
    return completion_leads(t, "PSNR", (WITHOUT,))


# Operations

flops = partial(claim, experiment="cgml_flops", where="Table 7", of="numbers", exact=True, ratio=True)


def operations(t: Table, model: str) -> float:
    return t.value(metric="flops", model=model, batch="10")


@flops(below=1.02, text="the method costs next to nothing more than CE")
def little_more_than_ce(t: Table) -> float:
    return operations(t, OURS) / operations(t, "CE")


@flops(below=1.0, text="and less than P2P and CIC")
def less_than_other_rivals(t: Table) -> dict[str, float]:
    return {rival: operations(t, OURS) / operations(t, rival) for rival in ("P2P", "CIC")}
