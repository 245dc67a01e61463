"""The claims of *MoCoGAN*, each a number that must lie beyond a threshold.

A model whose videos do not move has the best content distance of all, so every claim about content has one about motion
beside it. Thresholds are ours wherever the paper gives none.
"""

from common.reporting.claims import claim
from common.reporting.measurements import Missing, Table

DEFAULT = "with D_I, z_A -> R_M"
SETTINGS = ("without D_I, z_A -> G_I", "without D_I, z_A -> R_M", "with D_I, z_A -> G_I", DEFAULT)
LEAST = 1e-3  # of a distance, so that ratios stay finite


def acd(t: Table, model: str, **condition) -> float:
    return max(t.value(metric="ACD", model=model, **condition), LEAST)


def mcs(t: Table, model: str, **condition) -> float:
    return max(t.value(metric="MCS", model=model, **condition), LEAST)


def moves(t: Table, model: str, metric: str) -> float:
    """How much the videos of a model move, as a share of the data's."""
    return t.value(metric=metric, model=model) / t.value(metric=metric, model="Reference")


def score(t: Table, model: str) -> float:
    """The score of a model, of the first network where there are several."""
    for metric in dict.fromkeys(t.rows["metric"]):
        if metric == "IS" or metric.endswith("_score"):
            rows = t.select(metric=metric, model=model)
            rows = rows[rows["condition"] == ""]
            if len(rows) == 1:
                return float(rows["value"].iloc[0])
    raise Missing(f"score of {model}")


# --- Table 1 -------------------------------------------------------------------------------------------------------


@claim(
    experiment="mocogan_shapes_acd", where="Table 1", below=1.0, ratio=True,
    text="a shape's colour changes less in MoCoGAN's videos than in TGAN's",
)  # fmt: skip
def shapes_steadier_than_tgan(t: Table) -> float:
    return acd(t, "MoCoGAN") / acd(t, "TGAN")


@claim(
    experiment="mocogan_shapes_acd", where="Table 1", below=1.0, ratio=True,
    text="and less than in VGAN's",
)  # fmt: skip
def shapes_steadier_than_vgan(t: Table) -> float:
    return acd(t, "MoCoGAN") / acd(t, "VGAN")


@claim(
    experiment="mocogan_shapes_acd", where="ours: a frozen video has ACD 0", above=0.5, ratio=True,
    text="MoCoGAN's shapes travel, at least half as far as the data's",
)  # fmt: skip
def shapes_travel(t: Table) -> float:
    return max(moves(t, "MoCoGAN", "path"), LEAST)


@claim(
    experiment="mocogan_faces_acd", where="Table 1", below=1.0, ratio=True,
    text="a face changes less in MoCoGAN's videos than in TGAN's",
)  # fmt: skip
def faces_steadier_than_tgan(t: Table) -> float:
    return acd(t, "MoCoGAN") / acd(t, "TGAN")


@claim(
    experiment="mocogan_faces_acd", where="Table 1", below=1.0, ratio=True,
    text="and less than in VGAN's",
)  # fmt: skip
def faces_steadier_than_vgan(t: Table) -> float:
    return acd(t, "MoCoGAN") / acd(t, "VGAN")


@claim(
    experiment="mocogan_faces_acd", where="ours: a frozen video has ACD 0", above=0.5, ratio=True,
    text="MoCoGAN's faces move: at least half as much change from frame to frame as in the data",
)  # fmt: skip
def faces_move(t: Table) -> float:
    return max(moves(t, "MoCoGAN", "frame_change"), LEAST)


# --- Table 2 -------------------------------------------------------------------------------------------------------


@claim(
    experiment="mocogan_ucf101", where="Table 2", above=1.0, ratio=True,
    text="MoCoGAN scores higher than TGAN",
)  # fmt: skip
def scores_above_tgan(t: Table) -> float:
    return score(t, "MoCoGAN") / score(t, "TGAN")


@claim(
    experiment="mocogan_ucf101", where="Table 2", above=1.0, ratio=True,
    text="MoCoGAN scores higher than VGAN",
)  # fmt: skip
def scores_above_vgan(t: Table) -> float:
    return score(t, "MoCoGAN") / score(t, "VGAN")


# --- Table 4 -------------------------------------------------------------------------------------------------------


@claim(
    experiment="mocogan_ablation", where="Table 4, Section 4.2", above=1.0, ratio=True,
    text="with D_I content is more consistent, in both schemes",
)  # fmt: skip
def image_critic_helps_content(t: Table) -> float:
    without_g, without_r, with_g, with_r = (acd(t, model) for model in SETTINGS)
    return min(without_g / with_g, without_r / with_r)


@claim(
    experiment="mocogan_ablation", where="Table 4, Section 4.2", above=1.0, ratio=True,
    text="with D_I and the category into R_M, control is better than without D_I",
)  # fmt: skip
def image_critic_helps_control(t: Table) -> float:
    return mcs(t, DEFAULT) / mcs(t, "without D_I, z_A -> R_M")


@claim(
    experiment="mocogan_ablation", where="Table 4, Section 4.2", above=1.0, ratio=True,
    text="the category into R_M gives better control than into G_I, with and without D_I",
)  # fmt: skip
def into_motion_helps_control(t: Table) -> float:
    without_g, without_r, with_g, with_r = (mcs(t, model) for model in SETTINGS)
    return min(without_r / without_g, with_r / with_g)


@claim(
    experiment="mocogan_ablation", where="Table 4, Section 4.2", above=1.0, ratio=True,
    text="and more consistent content",
)  # fmt: skip
def into_motion_helps_content(t: Table) -> float:
    without_g, without_r, with_g, with_r = (acd(t, model) for model in SETTINGS)
    return min(without_g / without_r, with_g / with_r)


@claim(
    experiment="mocogan_ablation", where="Section 4.2", above=1.5, ratio=True,
    text="the category is under control: the classifier finds it 1.5 times as often as by chance",
)  # fmt: skip
def category_is_controlled(t: Table) -> float:
    return mcs(t, DEFAULT) * _categories(t)


def _categories(t: Table) -> float:
    """Of MUG six; elsewhere as many as the measured score's protocol says: "… of 6 × …"."""
    rows = t.select(metric="MCS", model=DEFAULT)
    found = rows["protocol"].str.extract(r"videos=\d+ of (\d+) ×")[0].dropna()
    return float(found.iloc[0]) if len(found) else 6.0


# --- Figure 6 ------------------------------------------------------------------------------------------------------


@claim(
    experiment="mocogan_latent_sizes", where="Figure 6, Section 4.2", below=1.0, ratio=True,
    text="a content code of 50 gives more consistent content than one of 10",
)  # fmt: skip
def larger_content_is_steadier(t: Table) -> float:
    curve = t.by("d_C", metric="ACD", model="MoCoGAN")
    return max(curve[50], LEAST) / max(curve[10], LEAST)


@claim(
    experiment="mocogan_latent_sizes", where="Figure 6, Section 4.2", above=1.0, ratio=True,
    text="and better control",
)  # fmt: skip
def larger_content_controls_better(t: Table) -> float:
    curve = t.by("d_C", metric="MCS", model="MoCoGAN")
    return max(curve[50], LEAST) / max(curve[10], LEAST)


# --- Figures 4, 7, 8 -----------------------------------------------------------------------------------------------


def _content_ratio(t: Table, model: str) -> float:
    between, within = (t.value(metric=f"content_{of}", model=model) for of in ("between", "within"))
    return max(between, LEAST) / max(within, LEAST)


@claim(
    experiment="mocogan_disentanglement", where="Figure 4b", above=2.0, ratio=True,
    text="a shape's colour is the content code's: it varies twice as much between contents as between motions",
)  # fmt: skip
def shapes_by_content(t: Table) -> float:
    return _content_ratio(t, "MoCoGAN")


@claim(
    experiment="mocogan_disentanglement", where="Figure 4b", above=0.5,
    text="a shape's path is the motion code's: paths of one motion correlate over contents more than those of "
    "different motions, by half",
)  # fmt: skip
def paths_by_motion(t: Table) -> float:
    same = t.value(metric="path_correlation", model="MoCoGAN")
    return same - t.value(metric="path_correlation_other", model="MoCoGAN")


@claim(
    experiment="mocogan_disentanglement", where="Figure 7", above=2.0, ratio=True,
    text="who a face is, is the content code's: colours vary twice as much between contents as between motions",
)  # fmt: skip
def faces_by_content(t: Table) -> float:
    return _content_ratio(t, DEFAULT)


@claim(
    experiment="mocogan_longer_videos", where="Section 3, Figures 7, 8", below=1e-4,
    text="a longer path begins as the shorter one does",
)  # fmt: skip
def begins_the_same(t: Table) -> float:
    return max(t.value(metric="first_codes_changed", model=model) for model in ("MoCoGAN", DEFAULT))


@claim(
    experiment="mocogan_longer_videos", where="Figures 7, 8", above=0.5, ratio=True,
    text="beyond the length of the training clips there is motion, at least half as much (the threshold is ours)",
)  # fmt: skip
def motion_goes_on(t: Table) -> float:
    return max(min(t.value(metric="change_kept", model=model) for model in ("MoCoGAN", DEFAULT)), LEAST)


@claim(
    experiment="mocogan_longer_videos", where="Section B: “the identity was kept fixed”", below=2.0, ratio=True,
    text="and content stays: it drifts to no more than twice the distance (the threshold is ours)",
)  # fmt: skip
def content_stays(t: Table) -> float:
    return max(max(t.value(metric="content_drift", model=model) for model in ("MoCoGAN", DEFAULT)), LEAST)


# --- Table 5 -------------------------------------------------------------------------------------------------------


@claim(
    experiment="mocogan_image_to_video", where="Table 5", above=50.0, threshold_of="paper",
    text="people prefer MoCoGAN's videos to C-VGAN's and MCNET's",
)  # fmt: skip
def preferred(t: Table) -> float:
    return min(t.value(metric="preference", model="MoCoGAN", against=other) for other in ("C-VGAN", "MCNET"))


@claim(
    experiment="mocogan_image_to_video", where="Section 4.3: “starting from the first frame”", below=1.0, ratio=True,
    text="MoCoGAN's videos keep the content of their image better than C-VGAN's",
)  # fmt: skip
def keeps_the_image(t: Table) -> float:
    one, other = (t.value(metric="content_lost", model=model) for model in ("MoCoGAN", "C-VGAN"))
    return max(one, LEAST) / max(other, LEAST)


@claim(
    experiment="mocogan_image_to_video", where="ours: a frozen image keeps all", above=0.5, ratio=True,
    text="and move, at least half as much as the data",
)  # fmt: skip
def continued_videos_move(t: Table) -> float:
    return max(moves(t, "MoCoGAN", "frame_change"), LEAST)
