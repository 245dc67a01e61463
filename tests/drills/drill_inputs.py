"""Configurations and files of numbers that are wrong in every way we can think of: taken rightly, or one UserError."""

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.base.errors import UserError
from common.base.schema import read_yaml
from common.experiments.config import key_values, load_config, typed
from common.experiments.papers import all_experiments, papers
from common.measurements.table import COLUMNS, REQUIRED
from common.pipeline.plan import Plan
from common.reporting.compare import report

COUNTED: Counter = Counter()
MANY = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONGEST = 1500  # characters that a person still reads


def outcome(kind: str, work, *places: str) -> None:
    """``work`` succeeds, or ends with one UserError that names one of ``places``; anything else is a failure."""
    try:
        work()
        COUNTED[f"{kind}, taken"] += 1
    except UserError as error:
        message = str(error)
        assert any(place in message for place in places), message[:LONGEST]
        assert len(message) < LONGEST, message
        assert message.count("\n") <= 10, message
        COUNTED[f"{kind}, refused"] += 1


# Configurations.

CONFIG = load_config()
WORDS = "wgan wgann WGAN wgan_lsun_curves wgan_lsun_curve cgml_toy ~nobody/x a\0b ../.. cifar10 quick cuda:99 null é"
NAMES = st.sampled_from(["", *WORDS.split(" "), "x" * 5000])
NUMBERS = st.one_of(
    st.integers(), st.sampled_from([0, -1, 1, 2**31, 2**32, 10**30, 1.0, 0.5, -0.0]), st.floats(), st.booleans()
)
LEAVES = st.one_of(NUMBERS, NAMES, st.none(), st.text(max_size=10))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
EXPERIMENTS = {one.name: one for one in all_experiments()}


@st.composite
def single_settings(draw):
    """A setting of one experiment, changed to something."""
    one = EXPERIMENTS[draw(st.sampled_from(sorted(EXPERIMENTS)))]
    known = one.settings(one.own_arms[0], "smoke") if one.own_arms else one.settings_without_arm("smoke")
    key = draw(st.one_of(st.sampled_from(sorted(known)), NAMES))
    return {one.name: {key: draw(st.one_of(VALUES, NUMBERS, st.lists(LEAVES, max_size=3)))}}


PLACES = ("the configuration", *EXPERIMENTS, "data set", "is none for seed")
KEYS = st.one_of(st.sampled_from([*CONFIG, "sead", "Scale", "setting", "", 1, None, True]), NAMES)
CONFIGURATIONS = st.one_of(
    st.dictionaries(KEYS, VALUES, min_size=1, max_size=2),
    st.fixed_dictionaries({"settings": st.one_of(single_settings(), VALUES)}),
    st.fixed_dictionaries({"seeds": st.one_of(st.lists(NUMBERS, max_size=3), VALUES)}),
    st.fixed_dictionaries({"local": st.dictionaries(NAMES, st.one_of(NAMES, VALUES), max_size=2)}),
    st.fixed_dictionaries({"processes": LEAVES, "threads": LEAVES, "checkpoint_seconds": NUMBERS}),
)


def everything_of(config: dict) -> None:
    """What the Snakefile asks of a plan before anything runs."""
    plan = Plan(load_config({"scale": "smoke", **config}))
    plan.pages(*papers()), plan.datasets, plan.classifiers
    for one in all_experiments():
        plan.trained(one.name), plan.classifier(one.name), plan.measured_settings(one.name), plan.deviations(one.name)
        for job in one.jobs(plan.scale, plan.config):
            plan.training_data(one.name, job), plan.trained_settings(one.name, job)


@MANY
@given(CONFIGURATIONS)
def test_configurations(config):
    outcome("configurations", lambda: everything_of(config), *PLACES)


@MANY
@given(st.lists(st.one_of(st.text(max_size=20), st.builds("{}={}".format, NAMES, st.text(max_size=20))), max_size=3))
def test_arguments(texts):
    outcome("arguments", lambda: typed(key_values(texts)), "is not valid YAML", "KEY=VALUE")


def test_yaml_files(tmp_path):
    file = tmp_path / "config.yaml"
    contents = [
        b"",
        b"1",
        b"- a\n- list\n",
        b"scale: [quick\n",
        b"\xff\xfe\0",
        b"scale: \xe9",
        b"scale: quick\0",
        b"\t: x",
    ]
    contents += [b"a: &x [*x]\n", b"!!python/object:os.system {}\n", b"{? [1]: 2}\n", b"scale: quick\nscale: smoke\n"]
    for content in contents:
        file.write_bytes(content)
        outcome("YAML files", lambda: load_config(None, file), str(file), "the configuration")
    for path in (tmp_path, tmp_path / "absent.yaml"):
        outcome("YAML files", lambda: read_yaml(path), str(path))  # noqa: B023


# Files of numbers.

GOOD = [
    line.split(",")
    for line in (
        'wgan,"Example 1, Figure 1",parallel lines,Pθ against P0,W,theta=0.5,0.5,,,lower,,analytic,',
        "wgan,T,lsun,A,fd,,1.5,0.1,3,lower,,fd;n=5,",
        "mocogan,Table 2,UCF101,MoCoGAN,inception_score,,12.42,0.03,,higher,,,",
    )
]
ODD = "nan NaN inf -inf 1e999 1,5 1.5 0x10 1_000 １ None True -1 wgan wgann W metrik a=b = ;; theta= theta=x a=b;a=b"
ODD += ' " "x \0 \ufeff é \' =1+1 smaller 🜁'
CELLS = st.one_of(
    st.sampled_from(["", " ", "\n", "\r", "x" * 200_000, *ODD.split(" ")]), st.text(max_size=8), st.floats().map(str)
)


@st.composite
def numbers_files(draw) -> bytes:
    """A file of measurements with something changed."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    rows = [COLUMNS, *(list(row) for row in rng.choices(GOOD, k=rng.randrange(4)))]
    rows = [list(row) for row in rows]
    for _ in range(draw(st.integers(0, 3))):
        row = rng.choice(rows)
        how = draw(st.sampled_from(["cell", "drop", "add", "swap", "double", "column", "blank"]))
        if how == "cell" and row:
            row[rng.randrange(len(row))] = draw(CELLS)
        elif how == "drop" and row:
            del row[rng.randrange(len(row))]
        elif how == "add":
            row.insert(rng.randrange(len(row) + 1), draw(CELLS))
        elif how == "swap":
            rng.shuffle(row)
        elif how == "double":
            rows.append(list(row))
        elif how == "blank":
            rows.insert(rng.randrange(len(rows)), [])
        else:
            place = rng.randrange(len(COLUMNS))
            rows = [r[:place] + r[place + 1 :] for r in rows]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(
        draw(st.sampled_from([",", ",", ",", ";", "\t"])).join(r) for r in rows
    )
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16"]))
    return text.encode(encoding, "replace")[: draw(st.one_of(st.none(), st.integers(0, 300)))]


@MANY
@given(numbers_files())
def test_files_of_numbers(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "numbers"
    folder.mkdir(exist_ok=True)
    (folder / "mine.csv").write_bytes(content)
    outcome("files of numbers", lambda: report(folder / "mine.csv", folder / "out"), "mine.csv")


def test_files_that_are_none(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "folder.csv", tmp_path / "absent.csv"):
        outcome("files of numbers", lambda: report(path, tmp_path / "out"), str(path))  # noqa: B023


def test_a_row_with_a_cell_too_many_is_not_read_into_other_columns(tmp_path):
    """pandas would take the first column for row names and everything one column further."""
    row = ["wgan", "T", "lsun", "A", "fd", "1.5"]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join([",".join(REQUIRED), ",".join(["1", *row])]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine\.csv, line 2"):
        report(file, tmp_path / "out")


def test_wrong_input_in_figures(figures):
    assert sum(count for kind, count in COUNTED.items() if kind.startswith("configurations")) >= 100
    assert COUNTED["files of numbers, refused"] >= 100
    told = ", ".join(f"{count} {what}" for what, count in sorted(COUNTED.items()))
    figures("wrong input", f"{COUNTED.total()} inputs: {told}; 0 other errors")
