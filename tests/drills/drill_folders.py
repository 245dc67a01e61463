"""Trees as people have them: every file is read or counted, or the whole is refused with a list; a folder, a tar and a
zip agree. Pictures and labels of every sort: the values that they hold, or one refusal that names the file.
"""

import io
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from data_files import filled, packed, png
from PIL import Image
from unit.test_walk import a_png, grey_of_bits

from common.data.prepare import prepared
from common.data.walk import IMAGE_SUFFIXES
from drills.machinery import SEED, check_message, message_of

COUNTED: Counter = Counter()
NAME = "imagenet32"
FORM = {"data": NAME, "image_size": 8, "channels": 3}

# --- Trees -----------------------------------------------------------------------------------------------------------

SPLITS = {
    "train": ("train", "training", "train2017", "training_set"),
    "val": ("val", "valid", "validation", "eval", "evaluation", "dev", "val2017"),
    "test": ("test", "testing", "test2017", "test_set"),
}
CLASSES = ["bus", "train", "cat", "Dog", "n01440764", "été", "a b", "it's", "10", "9"]
HIDDEN = [".ipynb_checkpoints", "@eaDir", "__MACOSX", ".git", "#recycle", "$RECYCLE.BIN", "lost+found", "@EADIR"]
OTHERS = ["notes.txt", "labels.csv", "clip.mp4", "README", "x.png.bak"]
HIDDEN_FILES = ["._0.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png"]


def cased(name: str, rng: random.Random) -> str:
    return rng.choice([name, name, name.capitalize(), name.upper()])


class Tree:
    """Pictures by name, each of a grey of its own; what must be read of them, and what else lies there."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.greys: dict[str, int] = {}  # by name
        self.classes: dict[str, str] = {}  # of those that must be read
        self.hidden: list[str] = []
        self.others: list[str] = []
        self.wanted = rng.choice(list(SPLITS))
        wrap = "/".join(rng.sample(["data", "set 1", "images"], rng.randrange(3)))
        names = rng.sample(CLASSES, rng.randrange(1, 4))
        names += ["bus"] * (not set(names) - {"train"} and "bus" not in names)  # not all like splits
        inner = rng.choice(["", "", "images", "x/y", "0"])
        where = rng.choice(["none", "above", "above", "below"])
        chosen = {
            split: cased(rng.choice(SPLITS[split]), rng) for split in rng.sample(list(SPLITS), rng.choice([2, 3]))
        }
        self.missing = where != "none" and self.wanted not in chosen
        for name in names:
            for split, called in chosen.items() if where != "none" else [(self.wanted, "")]:
                parts = (called, name) if where != "below" else (name, called)
                for number in range(rng.randrange(1, 4)):
                    path = "/".join(filter(None, (wrap, *parts, inner, f"{number}.{rng.choice(['png', 'PNG'])}")))
                    self.greys[path] = len(self.greys)
                    if split == self.wanted:
                        self.classes[path] = name if len(names) > 1 else ""
        if where == "above" and rng.random() < 0.5:
            self.greys["/".join(filter(None, (wrap, "cover.png")))] = len(self.greys)
        folders = sorted({str(Path(path).parent) for path in self.greys})
        for _ in range(rng.randrange(5)):
            folder = rng.choice([*folders, "."])
            self.hidden.append(os.path.normpath(f"{folder}/{rng.choice(HIDDEN)}/{rng.choice(['a/', ''])}0.png"))
            self.hidden.append(os.path.normpath(f"{folder}/{rng.choice(HIDDEN_FILES)}"))
            self.others.append(os.path.normpath(f"{folder}/{rng.choice(OTHERS)}"))
        self.hidden, self.others = sorted(set(self.hidden)), sorted(set(self.others))

    def files(self) -> dict[str, bytes]:
        files = {name: png(grey, "L") for name, grey in self.greys.items()}
        files |= dict.fromkeys(self.hidden, png(255, "L")) | dict.fromkeys(self.others, b"no picture")
        return dict(self.rng.sample(sorted(files.items()), len(files)))


def linked(folder: Path, tree: Tree, elsewhere: Path) -> int:
    """Have some folders be links to where their content lies now, and add loops and links to nothing; how many."""
    rng, loose = tree.rng, 0
    for path in sorted({folder / Path(name).parent for name in tree.greys}):
        if path != folder and rng.random() < 0.3 and path.is_dir() and not path.is_symlink():
            target = elsewhere / f"{len(list(elsewhere.iterdir()))}"
            path.rename(target)
            path.symlink_to(target)
        if rng.random() < 0.2:
            (path / "again").symlink_to(folder)
            loose += 1
        if rng.random() < 0.2:
            (path / "gone.png").symlink_to(folder / "nowhere.png")
            loose += 1
    return loose


def topmost(names: list[str]) -> int:
    """How many entries of a folder are hidden: nobody looks into a hidden one."""
    hidden = {"._0.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png", *HIDDEN}
    found = set()
    for name in names:
        parts = name.split("/")
        first = next(place for place, part in enumerate(parts) if part in hidden)
        found.add("/".join(parts[: first + 1]))
    return len(found)


def read(path: Path, settings: Mapping, data: Path) -> tuple[dict[int, int | None], dict[str, int]]:
    """Grey -> label, and what was passed over."""
    found = prepared(settings, data, {settings["data"]: str(path)})
    greys = found.samples[:, 0, 0, 0].tolist()
    labels = [None] * len(greys) if found.labels is None else found.labels.tolist()
    assert len(set(greys)) == len(greys)
    return dict(zip(greys, labels, strict=True)), {why: k["count"] for why, k in found.card["passed_over"].items()}


def test_trees(tmp_path):
    rng = random.Random(f"{SEED} trees")
    for number in range(100):
        tree, top = Tree(rng), tmp_path / f"{number}"
        files = tree.files()
        forms = {"folder": filled(top / "own", files)}
        forms |= {
            suffix: packed(top / f"own{suffix}", files) for suffix in (".tar", ".zip", rng.choice([".tgz", ".tar.xz"]))
        }
        (top / "elsewhere").mkdir()
        loose = linked(forms["folder"], tree, top / "elsewhere")
        settings = {**FORM, "split": tree.wanted}
        names = sorted(set(tree.classes.values()), key=lambda name: (name.casefold(), name))
        expected = {
            tree.greys[path]: names.index(name) if len(names) > 1 else None for path, name in tree.classes.items()
        }
        for comes_as, path in forms.items():
            data = top / "data" / comes_as
            if tree.missing:
                message = message_of(lambda: prepared(settings, data, {NAME: str(path)}))  # noqa: B023
                check_message(message, str(path))
                assert f"has nothing under {tree.wanted}/; it holds " in message
                COUNTED["trees", "refused with a list"] += 1
                continue
            labels, passed = read(path, settings, data)
            assert labels == expected, (comes_as, sorted(files))
            count = topmost(tree.hidden) if comes_as == "folder" else len(tree.hidden)
            assert passed.pop("hidden", 0) == count
            assert passed.pop("of another form", 0) == len(tree.others)
            links = passed.pop("links to a folder above", 0) + passed.pop("links to nothing", 0)
            assert links == (loose if comes_as == "folder" else 0)
            assert sum(passed.values()) + len(labels) == len(tree.greys), passed
            COUNTED["trees", "read, to the last file"] += 1


def test_trees_without_any_order(tmp_path):
    """Names and depths at random: nothing is lost without a word, and a folder and archives are told apart by none."""
    rng = random.Random(f"{SEED} any")
    words = ["train", "Train", "TEST", "val", "valid", "a", "b", "A", "images", "10", "9", "x y"]
    for number in range(100):
        paths = {"/".join(rng.choices(words, k=rng.randrange(4))) + f"/{i}.png" for i in range(rng.randrange(1, 9))}
        files = {path.strip("/"): png(grey, "L") for grey, path in enumerate(sorted(paths))}
        settings, top, outcomes = {**FORM, "split": rng.choice(list(SPLITS))}, tmp_path / f"{number}", []
        forms = [filled(top / "own", files), packed(top / "own.tar.gz", files), packed(top / "own.zip", files)]
        for path in forms:
            found: list = []
            data = top / "data" / path.name
            message = message_of(lambda: found.append(read(path, settings, data)))  # noqa: B023
            if message:
                check_message(message, str(path))
                assert "/" in message.removeprefix(str(path)), message
            else:
                assert len(found[0][0]) + sum(found[0][1].values()) == len(files), files
            outcomes.append((message.replace(str(path), ""), found))
            COUNTED["trees", "refused with a list" if message else "read, to the last file"] += 1
        assert outcomes.count(outcomes[0]) == len(outcomes), files


def test_names_in_another_encoding(tmp_path):
    """As old archives leave them: bytes that are no UTF-8, of the copy, of its folders and of what is passed over."""
    rng = random.Random(f"{SEED} names")
    for number in range(20):
        own, one, other, note = (os.fsdecode(f"{n}é".encode(rng.choice(["latin-1", "cp437", "utf-8"]))) for n in "dabn")
        names = {f"{one}/1.png": png(1, "L"), f"{other}/{one}.png": png(2, "L"), f"{note}.txt": b"no picture"}
        folder = filled(tmp_path / f"{number}{own}", names)
        labels, passed = read(folder, FORM, tmp_path / "data" / f"{number}")
        assert labels == {1: 0, 2: 1}
        assert passed == {"of another form": 1}
        COUNTED["trees", "read, to the last file"] += 1


# --- Pictures and labels ---------------------------------------------------------------------------------------------

TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF's orientations
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x.swapaxes(0, 1), 2),
    8: lambda x: np.rot90(x, 1),
}
Drawn = tuple[str, bytes, np.ndarray | None]  # what it is, its bytes, and its colours (8, 8, 3) or None: to be refused


def saved(image: Image.Image, form: str, **options) -> bytes:
    image.save(buffer := io.BytesIO(), form, **options)
    return buffer.getvalue()


def plain(rng: random.Random, noise: np.random.Generator) -> Drawn:
    """Colours, greys or black and white, of any format and orientation."""
    form, mode, turn = rng.choice(["PNG", "BMP", "WEBP"]), rng.choice(["RGB", "L", "1"]), rng.randrange(1, 9)
    pixels = noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    if mode == "L":
        pixels[:] = pixels[..., :1]
    if mode == "1":
        pixels = np.where(pixels[..., :1] > 127, 255, 0).astype(np.uint8).repeat(3, axis=2)
    image = Image.fromarray(pixels if mode == "RGB" else pixels[..., 0])
    image = image.convert("1", dither=Image.Dither.NONE) if mode == "1" else image
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"PNG": {"exif": exif}, "BMP": {}, "WEBP": {"exif": exif, "lossless": True}}[form]
    upright = pixels if form == "BMP" else TURNS[turn](pixels)
    return f"{form} {mode}", saved(image if form != "WEBP" else image.convert("RGB"), form, **options), upright


def palette(rng: random.Random, noise: np.random.Generator) -> Drawn:
    colours, places = noise.integers(0, 256, (16, 3), dtype=np.uint8), noise.integers(0, 16, (8, 8), dtype=np.uint8)
    image = Image.fromarray(places)
    image.putpalette(colours.tobytes())
    seen_through = rng.choice([None, int(places[0, 0])])
    options = {} if seen_through is None else {"transparency": seen_through}
    return "PNG P", saved(image, "PNG", **options), colours[places] if seen_through is None else None


def alpha(rng: random.Random, noise: np.random.Generator) -> Drawn:
    mode, form, opaque = rng.choice(["RGBA", "LA"]), rng.choice(["PNG", "WEBP"]), rng.random() < 0.5
    pixels = noise.integers(0, 256, (8, 8, len(mode)), dtype=np.uint8)
    pixels[..., -1] = 255
    if not opaque:
        pixels[rng.randrange(8), rng.randrange(8), -1] = rng.randrange(255)
    image = Image.fromarray(pixels, mode)
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    colours = pixels[..., :3] if mode == "RGBA" else pixels[..., :1].repeat(3, axis=2)
    return (
        f"{form} {mode}",
        saved(image.convert("RGBA") if form == "WEBP" else image, form, **options),
        colours if opaque else None,
    )


def deep(rng: random.Random, noise: np.random.Generator) -> Drawn:
    """More than 8 bits, in grey or colours, are refused; fewer are stretched to white, as every viewer does."""
    bits = rng.choice([1, 2, 4, 16, 48])
    if bits == 48:
        rows = b"".join(b"\0" + noise.integers(0, 256, 48, dtype=np.uint8).tobytes() for _ in range(8))
        return "PNG of 48 bits", a_png(b"\0\0\0\x08\0\0\0\x08\x10\x02\0\0\0", rows), None
    if bits == 16:
        values = noise.integers(0, 65536, (8, 8), dtype=np.uint16)
        return "PNG of 16 bits", saved(Image.fromarray(values), "PNG"), None
    values = noise.integers(0, 2**bits, (8, 8), dtype=np.uint8)
    colours = (values * (255 // (2**bits - 1)))[..., None].repeat(3, axis=2)
    return f"PNG of {bits} bits", grey_of_bits(bits, values), colours


def several(rng: random.Random, noise: np.random.Generator) -> Drawn:
    form, count = rng.choice(["PNG", "WEBP", "GIF"]), rng.randrange(2, 5)
    frames = [Image.fromarray(pixels) for pixels in noise.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)]
    return f"{form} of frames", saved(frames[0], form, save_all=True, append_images=frames[1:]), None


def lossy(rng: random.Random, noise: np.random.Generator) -> Drawn:
    """JPEG, of one colour so that nothing is lost; in inks too."""
    ink, mode = noise.integers(0, 256, 4).tolist(), rng.choice(["RGB", "CMYK", "L"])
    image = Image.new(mode, (8, 8), {"RGB": tuple(ink[:3]), "CMYK": tuple(ink), "L": ink[0]}[mode])
    colour = {"RGB": ink[:3], "CMYK": [(255 - each) * (255 - ink[3]) / 255 for each in ink[:3]], "L": [ink[0]] * 3}[
        mode
    ]
    return f"JPEG {mode}", saved(image, "JPEG", quality=100, subsampling=0), np.full((8, 8, 3), colour)


def of_no_sort(rng: random.Random, noise: np.random.Generator) -> Drawn:
    return rng.choice([("nothing", b"", None), ("noise", rng.randbytes(99), None), ("TIFF float", floats(noise), None)])


def floats(noise: np.random.Generator) -> bytes:
    return saved(Image.fromarray(noise.random((8, 8), dtype=np.float32)), "TIFF")


def test_pictures(tmp_path):
    rng, noise = random.Random(f"{SEED} pictures"), np.random.default_rng(SEED)
    for number in range(400):
        draw = rng.choice([plain, plain, palette, alpha, deep, several, lossy, of_no_sort])
        what, content, colours = draw(rng, noise)
        channels, name = rng.choice([1, 3]), f"a/{number}{rng.choice(IMAGE_SUFFIXES)}"
        folder = filled(tmp_path / f"{number}", {"b/0.png": png(9), name: content})
        data, local = tmp_path / "data" / f"{number}", {NAME: str(folder)}
        if colours is None:
            check_message(message_of(lambda: prepared({**FORM, "channels": channels}, data, local)), name)  # noqa: B023
            COUNTED["pictures", "refused by name"] += 1
            continue
        samples = prepared({**FORM, "channels": channels}, data, local).samples[0]
        wanted = colours.astype(float)
        if channels == 1:
            wanted = (wanted @ [0.299, 0.587, 0.114])[..., None]
        least = 3 if "JPEG" in what else 0 if channels == 3 else 1
        np.testing.assert_allclose(samples.astype(float), wanted, atol=least, err_msg=what)
        COUNTED["pictures", "read with their values"] += 1


DTYPES = [*np.typecodes["AllInteger"], "float32", "float64", "bool", "<U3", "complex64"]


def test_labels(tmp_path):
    rng, noise = random.Random(f"{SEED} labels"), np.random.default_rng(SEED)
    for number in range(400):
        n, dtype = rng.randrange(1, 6), rng.choice(DTYPES)
        shape = rng.choice([(n,), (n,), (n, 1), (1, n), (n, 3), (n + 1,), (n - 1,), ()])
        lowest, highest = rng.choice([(0, 3), (0, 100), (-2, 3), (0, 2**63), (2**63, 2**64)])
        y = np.array([rng.randrange(lowest, highest) for _ in range(int(np.prod(shape)))], object).reshape(shape)
        y = y.astype(np.uint64 if highest > 2**63 else np.int64).astype(dtype)
        path = tmp_path / f"{number}.npz"
        np.savez(path, x=noise.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), y=y)
        fits = shape in ((n,), (n, 1)) and np.dtype(dtype).kind in "iu"
        fits = fits and all(0 <= int(value) < 2**63 for value in y.ravel())
        found: list = []
        message = message_of(lambda: found.append(prepared(FORM, tmp_path / "data", {NAME: str(path)})))  # noqa: B023
        if fits:
            assert [int(value) for value in y.ravel()] == found[0].labels.tolist(), message
        else:
            check_message(message, str(path))
        COUNTED["labels", "read with their values" if fits else "refused by name"] += 1


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays(tmp_path, channels):
    """Only bytes with channels last; whatever else would have to be guessed at."""
    rng, noise = random.Random(f"{SEED} arrays"), np.random.default_rng(SEED)
    for number in range(150):
        dtype = rng.choice(["uint8", "uint8", *DTYPES])
        shape = rng.choice(
            [(n := rng.randrange(4), 8, 8, channels)] * 3 + [(n, channels, 8, 8), (n, 8, 8), (8, 8, 3), (n, 8, 8, 4)]
        )
        x = noise.integers(0, 2, shape).astype(dtype)
        path = tmp_path / f"{number}.npz"
        np.savez(path, x=x)
        found: list = []
        settings = {**FORM, "channels": channels}
        message = message_of(lambda: found.append(prepared(settings, tmp_path / "data", {NAME: str(path)})))  # noqa: B023
        if np.dtype(dtype) == np.uint8 and len(shape) == 4 and n and shape[1:] == (8, 8, channels):
            np.testing.assert_array_equal(found[0].samples, x)
        else:
            check_message(message, str(path))
        COUNTED["arrays", "refused by name" if message else "read with their values"] += 1


def test_folders_in_figures(figures):
    for kind, wrong in {
        "trees": "0 lost without a word",
        "pictures": "0 other values",
        "labels": "0 other values",
        "arrays": "0 other values",
    }.items():
        counted = {what: n for (of, what), n in COUNTED.most_common() if of == kind}
        told = ", ".join(f"{n} {what}" for what, n in counted.items())
        figures(f"any {kind}", f"{sum(counted.values())}: {told}; {wrong} (seed {SEED})")
