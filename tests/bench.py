"""How long things take on this machine: ``make bench``. Prints a table; asserts nothing."""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from pytorch_fid import fid_score, inception
from torchvision.models import inception_v3

from common.config import load_config
from common.data.batches import Batches
from common.data.clips import Clips, batches_of
from common.estimate import operations
from common.experiments import experiment
from common.metrics.features import extract
from common.metrics.frechet import Moments, Statistics, frechet_distance
from common.metrics.networks import feature_network
from common.training.launch import build_method
from common.training.startup import defer_compiler
from common.video.networks import VideoCritic
from reproductions.biggan.cost import cost as biggan_cost
from reproductions.tgan.clipping import clip_singular_values

CURVES = experiment("wgan_lsun_curves")


def seconds(work, repeats: int = 5) -> float:
    """Median of ``repeats`` calls after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def start_up(program: str) -> float:
    """CPU seconds of a fresh Python process."""
    code = f"import time; {program}; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def update(arm: str, scale: str, device: torch.device, **changed) -> tuple[float, int]:
    """Seconds of one generator update with its critic updates, and the samples it takes."""
    settings = CURVES.settings(arm, scale) | {"warmup_updates": 0, "warmup_every": 10**9} | changed
    shape = (settings["channels"], settings["image_size"], settings["image_size"])
    samples = np.zeros((256, *shape[1:], shape[0]), np.uint8)
    method = build_method(settings, shape, device)
    method.make_optimisers()
    batches = Batches(samples, settings["batch_size"], 0, device)
    took = seconds(lambda: method.step(1, batches), 3)
    steps = settings["critic_steps"] if "Wasserstein" in settings["method"] else settings["discriminator_steps"]
    return took, steps * settings["batch_size"]


TRANSLATORS = (
    ("msgan_facades", "Pix2Pix"), ("msgan_facades", "MSGAN"), ("msgan_facades", "BicycleGAN"),
    ("mrgan_cityscapes", "Pix2Pix+noise"), ("mrgan_cityscapes", "Gaussian MR2"),
    ("mrgan_cityscapes", "Gaussian proxy MR2"),
)  # fmt: skip


def translator_update(name: str, arm: str, device: torch.device) -> tuple[float, int, float]:
    """Seconds of one update of the published networks, its batch, and the peak of memory in MB."""
    settings = experiment(name).settings(arm, "paper") | {"predictor_steps": 1}
    size = settings["image_size"] if device.type == "cuda" else 64  # one update at 256 pixels takes a CPU minutes
    method = build_method(settings, (6, size, size), device)
    method.make_optimisers()
    batches = Batches(np.zeros((32, size, size, 6), np.uint8), settings["batch_size"], 0, device)
    method.step(0, batches)  # the predictor's, where there is one
    took = seconds(lambda: method.step(1, batches), 1)
    if device.type == "cuda":
        return took, settings["batch_size"], torch.cuda.max_memory_allocated() / 2**20
    return took, settings["batch_size"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def translator_alone(name: str, arm: str) -> tuple[float, int, float]:
    torch.set_num_threads(1)
    return translator_update(name, arm, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


VIDEO_MODELS = (
    ("tgan_ucf101", "TGAN (SVC)"), ("tgan_ucf101", "TGAN (Weight clipping)"), ("tgan_ucf101", "3D model (SVC)"),
    ("tgan_ucf101", "Video GAN (Normal GAN)"), ("mocogan_shapes_acd", "MoCoGAN"),
)  # fmt: skip


def video_update(name: str, arm: str, device: torch.device) -> tuple[float, int]:
    """Seconds of one update of the published networks at 64 pixels, and its batch; a fifth of them clip."""
    settings = experiment(name).settings(arm, "paper")
    batch = settings["batch_size"] if device.type == "cuda" else 4  # a whole one takes a CPU minutes
    settings |= {"batch_size": batch}
    frames, size = settings["frames"], settings["image_size"]
    method = build_method(settings, (3, frames, size, size), device)
    method.make_optimisers()
    clips = Clips(np.zeros((2 * batch * frames, size, size, 3), np.uint8), np.full(2 * batch, frames), frames)
    batches = batches_of(clips, batch, 0, device)

    def five() -> None:
        for t in range(5):
            method.step(t, batches)

    return seconds(five, 1) / 5, batch


BIGGANS = (
    ("biggan_truncation", "BigGAN"), ("biggan_truncation", "BigGAN-deep"), ("biggan_resolutions", "BigGAN 256"),
    ("biggan_resolutions", "BigGAN 512"),
)  # fmt: skip


def biggan_alone(name: str, arm: str) -> tuple[int, float, int, float, float]:
    """Size, seconds of one update (two D steps and a G step) of the published networks, its batch, the peak of memory
    in MB, and its share of the peak of matrix products. A whole batch takes 17 GPUs; 2 images here, or 32 on a GPU.
    """
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = experiment(name).settings(arm, "paper")
    batch = 32 if device.type == "cuda" else 2
    settings |= {"batch_size": batch, "precision": "bfloat16" if device.type == "cuda" else "float32"}
    size = settings["image_size"]
    method = build_method(settings, (3, size, size), device)
    method.make_optimisers()
    samples = np.zeros((2 * batch, size, size, 3), np.uint8)
    batches = Batches(samples, batch, 0, device, np.arange(2 * batch) % settings["classes"])
    took = seconds(lambda: method.step(0, batches), 1)
    square = torch.rand(4096, 4096, device=device, dtype=torch.bfloat16 if device.type == "cuda" else torch.float32)
    peak = 2 * 4096**3 / seconds(lambda: square @ square, 3)
    share = biggan_cost(settings).operations / settings["generator_steps"] / took / peak
    if device.type == "cuda":
        return size, took, batch, torch.cuda.max_memory_allocated() / 2**20, share
    return size, took, batch, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, share


def clipping(device: torch.device) -> tuple[float, float]:
    """Seconds of clipping the published critic's singular values by Gram matrices, and by decompositions."""
    critic = VideoCritic(16, 64, 3, 64, shift=False).to(device)

    def decomposed() -> None:
        for module in critic.modules():
            if isinstance(module, torch.nn.Conv3d):
                u, s, v = torch.linalg.svd(module.weight.detach().flatten(1), full_matrices=False)
                (u * s.clamp(max=1)) @ v

    return seconds(lambda: clip_singular_values(critic), 3), seconds(decomposed, 1)


def latent_search(device: torch.device, size: int, **changed) -> tuple[float, float]:
    """Seconds of one outer step of cGML's colorization, and its share of the peak of matrix products."""
    torch.backends.cudnn.allow_tf32 = False  # as the matrix products that the share is of
    settings = experiment("cgml_colorization").settings("cGML", "paper") | {"image_size": size} | changed
    method = build_method(settings, (3, size, size), device)
    method.make_optimisers()
    batches = Batches(np.zeros((40, size, size, 3), np.uint8), settings["batch_size"], 0, device)
    took = seconds(lambda: method.step(0, batches), 3)
    # A backward pass costs about two forward ones, half of that to the code alone. An inner step runs 𝒢 forward, and
    # back to the code; the last step ℋ, and 𝒢 twice (the Lipschitz penalty). 𝒵 is left out: it is small.
    batch, latent = settings["batch_size"], settings["latent_size"]
    encoder = operations(method.h, (batch, 1, size, size))
    places = [(batch, width, 4 * 2**k, 4 * 2**k) for k, width in enumerate(reversed(method.h.widths))]
    generator = operations(Given(method.g), *reversed(places), (batch, latent))
    work = settings["inner_steps"] * 2 * generator + 4 * encoder + 6 * generator
    square = torch.rand(2048, 2048, device=device)
    peak = 2 * 2048**3 / seconds(lambda: square @ square)
    return took, work / took / peak


class Given(torch.nn.Module):
    """𝒢 with every feature an input of its own."""

    def __init__(self, generator: torch.nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, *features_and_code: torch.Tensor) -> torch.Tensor:
        return self.generator(features_and_code[:-1], features_and_code[-1])


def main() -> None:
    defer_compiler()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "one CPU thread"
    print(f"torch {torch.__version__}, {name}\n")
    optimiser = "import torch; torch.optim.Adam(torch.nn.Linear(1, 1).parameters())"
    deferred = f"from common.training.startup import defer_compiler; defer_compiler(); {optimiser}"
    print(f"process with torch and an optimiser: {start_up(optimiser):.1f} s of CPU")
    print(f"... with the compiler deferred:      {start_up(deferred):.1f} s of CPU\n")
    print(f"{'one generator update':44} seconds  real samples/s")
    for scale in ("quick", "paper"):
        for arm in CURVES.arms:
            for precision in ("float32", "bfloat16"):
                took, images = update(arm, scale, device, precision=precision)
                print(f"{scale:6} {arm:18} {precision:16} {took:9.4f} {images / took:12,.0f}")
    print(f"\n{'one update of a translator, published widths':44} seconds  batch   peak MB")
    for name, arm in TRANSLATORS:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            took, batch, memory = alone.apply(translator_alone, (name, arm))
        print(f"{name:20} {arm:22} {took:9.2f} {batch:6} {memory:9,.0f}")
    print(f"\n{'one update of a video model, published networks':44} seconds  batch")
    for name, arm in VIDEO_MODELS:
        took, batch = video_update(name, arm, device)
        print(f"{name:20} {arm:22} {took:9.2f} {batch:6}")
    ours, decomposed = clipping(device)
    print(f"singular value clipping of TGAN's critic: {ours:.2f} s, by full decompositions {decomposed:.2f} s")
    print(f"\n{'one update of BigGAN, published networks':44} seconds  batch   peak MB  share of the peak of products")
    for name, arm in BIGGANS:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            size, took, batch, memory, share = alone.apply(biggan_alone, (name, arm))
        print(f"{arm:20} {size:4} pixels {'':11} {took:9.2f} {batch:6} {memory:9,.0f} {share:8.1%}")
    print(f"\n{'one outer step of cGML, 20 of its codes':44} seconds  share of the peak of float32 products")
    quick = experiment("cgml_colorization").settings("cGML", "quick")
    small = {key: quick[key] for key in ("width", "path_width", "latent_size")}
    for label, size, changed in (
        ("published widths, 64 pixels", 64, {}),
        ("scale quick's networks, 16 pixels", 16, small),
    ):
        took, share = latent_search(device, size, **changed)
        print(f"{label:44} {took:7.3f}  {share:.1%}")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pth"
        torch.save(
            inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False).state_dict(), weights
        )
        print(f"\n{'metrics, beside pytorch-fid on the same arrays':52} {'rate or time':>14}  more memory")
        for what in (ours_features, theirs_features, ours_root, theirs_root):
            with multiprocessing.get_context("spawn").Pool(1) as alone:  # its own process, for its own peak
                text, memory = alone.apply(measured_alone, (what, str(weights)))
            print(f"{what.__doc__:52} {text:>14}  {memory:8,.0f} MB")


def measured_alone(what, weights: str) -> tuple[str, float]:
    """What a function measured, and by how many MB it raised the process's peak."""
    torch.set_num_threads(2)
    work = what(weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = work()
    return text, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


PICTURES = 256


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (PICTURES, 64, 64, 3), dtype=np.uint8)


def rate(work) -> str:
    start = time.perf_counter()
    work()
    return f"{PICTURES / (time.perf_counter() - start):.1f} images/s"


def ours_features(weights: str):
    """statistics of Inception features, ours"""
    config = load_config({"local": {"inception_2015": weights}})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, images = feature_network("inception", config, device), pictures()
    return lambda: rate(lambda: extract(network, images, keep=()))


def theirs_features(weights: str):
    """statistics of Inception features, pytorch-fid's"""
    state = torch.load(weights, weights_only=True)
    inception.load_state_dict_from_url = lambda *_, **__: state
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, images = inception.InceptionV3([3]).eval().to(device), pictures()

    class Arrays(torch.utils.data.Dataset):  # in place of its data set of files
        def __init__(self, files, transforms):
            self.files, self.transforms = files, transforms

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            return self.transforms(images[index])

    fid_score.ImagePathDataset, fid_score.tqdm = Arrays, iter
    files = range(PICTURES)
    return lambda: rate(
        lambda: fid_score.calculate_activation_statistics(files, network, 50, 2048, device, num_workers=0)
    )


def random_statistics(seed: int) -> Statistics:
    """Of 4096 features, made in blocks: the peak of memory must be the distance's own."""
    rng, moments = np.random.default_rng(seed), Moments()
    for _ in range(16):
        moments.add(torch.from_numpy(rng.normal(size=(256, 2048))))
    return moments.statistics()


def ours_root(_: str):
    """Fréchet distance of 2048 features, ours"""
    one, other = map(random_statistics, (0, 1))
    return lambda: f"{seconds(lambda: frechet_distance(one, other), 1):.1f} s"


def theirs_root(_: str):
    """Fréchet distance of 2048 features, pytorch-fid's"""
    root = fid_score.linalg.sqrtm
    # SciPy 1.18 took the argument away that pytorch-fid passes.
    fid_score.linalg.sqrtm = lambda matrix, disp=False: (root(matrix), None)
    one, other = map(random_statistics, (0, 1))
    parts = (one.mean, one.covariance, other.mean, other.covariance)

    def once() -> str:
        start = time.perf_counter()
        fid_score.calculate_frechet_distance(*parts)
        return f"{time.perf_counter() - start:.1f} s"

    return once


if __name__ == "__main__":
    main()
