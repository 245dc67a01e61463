"""An edit of any module makes stale what runs it, and nothing else."""

import io
import os
import sys
import threading
from collections import defaultdict
from modulefinder import ModuleFinder
from pathlib import Path

import numpy as np
import pytest
from helpers import CPU, smoke_config
from PIL import Image

from common.base import provenance
from common.base.errors import UserError
from common.base.files import file_state, write_json
from common.base.provenance import DISPATCHERS, PLUMBING, ROOT, modules_used
from common.data.prepare import prepare, prepared, prepared_dir
from common.evaluation.classifiers import ensure_classifier
from common.evaluation.measuring import measure
from common.experiments.config import load_config
from common.experiments.papers import all_experiments, experiment, papers
from common.pipeline import plan as plan_module
from common.pipeline.plan import Plan
from common.pipeline.trained import check_runs, trained_file
from common.reporting.experiment_page import report_experiment
from common.reporting.page_model import ExperimentPage
from common.training.runs import train_runs

FILES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in ("common", "reproductions")
    for file in sorted((ROOT / package).rglob("*.py"))
}


def is_plumbing(module: str) -> bool:
    return f"{module}.".startswith(tuple(f"{name}." for name in PLUMBING))


class Imports(ModuleFinder):
    """What each module imports, by its bytecode: read another way than the code hash reads it."""

    def __init__(self):
        super().__init__(path=[str(ROOT)])
        self.of = defaultdict(set)

    def load_module(self, fqname, fp, pathname, file_info):
        if fp is not None:
            fp = io.BytesIO(fp.read().replace(b"if TYPE_CHECKING:", b"if False:"))
        return super().load_module(fqname, fp, pathname, file_info)

    def _safe_import_hook(self, name, caller, fromlist, level=-1):
        self.of[caller.__name__] |= {name, *(f"{name}.{part}" for part in fromlist or ())}
        super()._safe_import_hook(name, caller, fromlist, level)


@pytest.fixture(scope="module")
def imports():
    finder = Imports()
    for module in FILES:
        finder.import_hook(module)
    return finder.of


@pytest.fixture(scope="module")
def entries():
    """Job -> the modules that its code hash begins with."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (provenance, plan_module):
            patch.setattr(module, "code_hash", lambda *names: names)
        plan = Plan(load_config({"scale": "smoke"}))
        jobs = {("prepare_data", dataset): plan.data_code(dataset) for dataset in plan.datasets}
        jobs |= {("train_features", name): plan.classifier_code() for name in plan.classifiers}
        for one in all_experiments():
            for job in one.jobs("smoke", plan.config):
                jobs["train", f"{one.name}/{job}"] = plan.training_code(one.name, job)
            jobs["measure", one.name] = plan.measuring_code(one.name)
            jobs["page", one.name] = plan.page_code(one.name)
        jobs["reproduce_all", ""] = plan.summary_code()
    return jobs


def reached(names, imports) -> set[str]:
    """The modules that a job imports, and the packages that they lie in."""
    found, queue = set(), list(names)
    while queue:
        module = queue.pop()
        if module in FILES and module not in found and not is_plumbing(module):
            found.add(module)
            queue += [module.rpartition(".")[0], *(() if module in DISPATCHERS else imports[module])]
    return found


def test_every_entry_is_a_module(entries):
    assert {name for names in entries.values() for name in names} <= set(FILES)


@pytest.mark.slow
def test_an_edit_of_any_module_changes_the_hashes_of_those_that_import_it(entries, imports, tmp_path, monkeypatch):
    unique = set(entries.values())
    before = {names: provenance.code_hash(*names) for names in unique}
    expected = {names: reached(names, imports) for names in unique}
    parsed, copy = provenance._parsed, tmp_path / "edited.py"
    for module, file in FILES.items():
        copy.write_bytes(file.read_bytes() + b"\nEDITED = 1\n")
        edited = {file: parsed.__wrapped__(copy)}
        monkeypatch.setattr(provenance, "_parsed", lambda each, edited=edited: edited.get(each) or parsed(each))
        provenance.code_hash.cache_clear()
        stale = {names for names in unique if provenance.code_hash(*names) != before[names]}
        assert stale == {names for names in unique if module in expected[names]}, module
    provenance.code_hash.cache_clear()


def test_no_module_of_a_paper_is_outside_every_hash(entries):
    hashed = set().union(*(modules_used(*names) for names in set(entries.values())))
    assert {module for module in FILES if module.startswith("reproductions.")} <= hashed


class Executed:
    """Inside, the modules of which functions are called, in all threads."""

    def __enter__(self):
        self.files: set[str] = set()
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame, event, _):
        if event == "call" and frame.f_code.co_name != "<module>":
            self.files.add(frame.f_code.co_filename)

    @property
    def modules(self) -> set[str]:
        return {module for module, file in FILES.items() if str(file) in self.files and not is_plumbing(module)}


SETS = ("wgan_two_gaussians", "wgan_lsun_curves", "wgan_gp_language_model", "msgan_facades", "mocogan_shapes_acd")


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_what_preparing_runs_is_in_its_hash(entries, tmp_path, name):
    one = experiment(name)
    plan = Plan(load_config({"scale": "smoke", "data": str(tmp_path)}))
    settings = one.settings(one.own_arms[0], "smoke")
    with Executed() as executed:
        folder = prepare(settings, tmp_path, {})
    assert executed.modules <= set(modules_used(*entries["prepare_data", folder.name]))
    assert folder.name in plan.datasets


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wgan_two_gaussians", "mocogan_shapes_acd"])
def test_what_training_measuring_and_drawing_run_is_in_their_hashes(entries, tmp_path, name):
    one, config = experiment(name), smoke_config(tmp_path)
    classifier = ensure_classifier(one, config, CPU)
    outputs, preparing = [], set(modules_used(*entries["prepare_data", next(iter(Plan(config).datasets))]))
    for job, runs in one.jobs("smoke", config).items():
        for arm, _ in runs:
            settings = one.settings(arm, "smoke", config)
            preparing |= set(modules_used(*entries["prepare_data", prepare(settings, config["data"], {}).name]))
        outputs.append(Path(trained_file(one, job, config)))
        with Executed() as executed:
            train_runs(one, runs, config, outputs[-1])
        assert executed.modules <= set(modules_used(*entries["train", f"{name}/{job}"])) | preparing
    folder, sheets = tmp_path / "page", tmp_path / "sheets.npz"
    with Executed() as executed:
        measure(one, config, outputs, classifier, folder, sheets)
    method = {one.settings(arm, "smoke", config)["method"].rpartition(".")[0] for arm in one.arms}
    assert executed.modules <= set(modules_used(*entries["measure", name], *method)) | preparing
    with Executed() as executed:
        report_experiment(papers()[one.paper], one, config, folder, sheets)
    assert executed.modules <= set(modules_used(*entries["page", name]))


# --- Data and records ------------------------------------------------------------------------------------------------


def test_an_exchanged_file_or_folder_has_another_state(tmp_path):
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "b.npz"
    file.write_bytes(b"one")
    states = [file_state(file), file_state(tmp_path)]
    assert [file_state(file), file_state(tmp_path)] == states
    file.write_bytes(b"three")
    assert file_state(file) != states[0]
    assert file_state(tmp_path) != states[1]


def test_links_that_go_round_end(tmp_path):
    """Two of them would double at each turn."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").write_bytes(b"one")
    for name in ("x", "y", "a/z"):
        (tmp_path / name).symlink_to(tmp_path)
    assert file_state(tmp_path)[0] == 1


def test_a_local_copy_that_was_exchanged_makes_its_data_stale(tmp_path):
    copy = tmp_path / "mine.npz"
    copy.write_bytes(b"one")
    name = next(settings["data"] for settings in Plan(load_config()).datasets.values() if "image_size" in settings)
    config = load_config({"local": {name: str(copy)}})

    def states():
        plan_module.local_state.cache_clear()
        plan = Plan(config)
        return {dataset: plan.local_copy(dataset) for dataset in plan.datasets}

    before = states()
    copy.write_bytes(b"three")
    changed = {dataset for dataset, state in states().items() if state != before[dataset]}
    assert changed
    assert all(dataset.startswith(f"{name}-") for dataset in changed)


def test_what_was_prepared_from_an_exchanged_copy_is_prepared_anew(tmp_path):
    """By size and time first: the same file with another date is the same."""
    copy, settings = tmp_path / "mine.npz", {"data": "fashion_mnist_test", "image_size": 28, "channels": 1}
    local = {"fashion_mnist_test": str(copy)}

    def brightest(value):
        if value is not None:
            np.savez(copy, x=np.full((6, 28, 28, 1), value, np.uint8), y=np.arange(6))
        return int(prepared(settings, tmp_path, local).samples.max())

    assert [brightest(value) for value in (100, 250, None)] == [100, 250, 250]
    card = prepared_dir(settings, tmp_path, local) / "card.json"
    before, dated = card.stat().st_mtime_ns, copy.stat().st_mtime
    os.utime(copy, (dated + 5, dated + 5))
    assert brightest(None) == 250
    assert card.stat().st_mtime_ns == before


def test_folders_of_images_that_were_exchanged_are_prepared_anew(tmp_path):
    folder, settings = tmp_path / "mine", {"data": "celeba", "image_size": 8, "channels": 3}
    folder.mkdir()

    def count(names):
        for name in names:
            Image.new("RGB", (8, 8)).save(folder / f"{name}.png")
        return len(prepared(settings, tmp_path, {"celeba": str(folder)}).samples)

    assert [count("ab"), count(""), count("c")] == [2, 2, 3]


def test_runs_with_other_settings_or_data_are_refused(config, tmp_path):
    one = experiment("wgan_two_gaussians")
    ((job, runs),) = one.jobs("smoke", config).items()
    folder = tmp_path / "run"
    for arm, seed in runs[:1]:
        settings = one.settings(arm, "smoke", config, seed)
        data = prepared(settings, config["data"], {}).fingerprint
        identity = {"settings": one.trained_with(settings), "data": data}
        write_json(folder / "record.json", {"identity": identity})
    write_json(trained_file(one, job, config), [{"arm": arm, "seed": seed, "folder": str(folder)}])
    check_runs(one, config)
    with pytest.raises(UserError, match=rf"steps: {settings['steps']} -> 7\n.*delete"):
        check_runs(one, config | {"settings": {one.name: {"steps": 7}}})
    write_json(folder / "record.json", {"identity": identity | {"data": "another"}})
    with pytest.raises(UserError, match="trained on other data"):
        check_runs(one, config)


def test_no_page_is_made_of_another_experiment_s_numbers(tmp_path):
    folder = ROOT / "results" / "quick" / "wgan" / "wgan_two_gaussians"
    results = ExperimentPage(papers()["wgan"], experiment("wgan_parallel_lines"), load_config(), folder)
    with pytest.raises(UserError, match=r"measured.csv has numbers of wgan .*, not of wgan_parallel_lines"):
        results.measured  # noqa: B018


def test_no_page_states_settings_that_its_numbers_were_not_measured_with():
    """What was measured says of which settings; a page is made of these or not at all."""
    folder, one = ROOT / "results" / "quick" / "wgan" / "wgan_two_gaussians", experiment("wgan_two_gaussians")
    assert ExperimentPage(papers()["wgan"], one, load_config(), folder).deviations == []
    changed = load_config({"settings": {one.name: {"learning_rate": 0.5}}})
    with pytest.raises(UserError, match=r"WGAN critic: learning_rate: 0.001 -> 0.5\n"):
        ExperimentPage(papers()["wgan"], one, changed, folder).deviations  # noqa: B018
