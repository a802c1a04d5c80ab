"""A template of a person's own images and generator is whole: nothing else need be said."""

import re
from pathlib import Path

import numpy as np
import pytest

import sweeps
from gan import GanError
from sweeps.errors import SweepError
from sweeps.spec.models import ImportedTeacherSpec
from sweeps.spec.template import write_template
from tests.gan.networks.own_generators import ByIndex, scripted


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """Returns pictures of 64x64 without classes, and a conditional generator of 28x28."""
    pictures = tmp_path / "My pictures.npz"
    np.savez(pictures, arr_0=np.random.default_rng(0).integers(0, 256, (20, 64, 64, 1), dtype=np.uint8))
    return pictures, scripted(tmp_path / "generator.pt", ByIndex(size=28))


def test_images_and_generator_are_all_that_is_named(own: tuple[Path, Path], tmp_path: Path) -> None:
    pictures, generator = own
    spec_file, _ = write_template(tmp_path / "mine.yaml", data=pictures, teacher=generator)
    spec = sweeps.load_spec(spec_file)
    assert (spec.name, spec.dataset.name, spec.dataset.path) == ("my-pictures", "my-pictures", str(pictures))
    assert spec.dataset.image_shape == (1, 28), "the generator's"
    assert spec.extractor.kind == "selfsupervised", "there are no classes"
    assert isinstance(spec.teacher, ImportedTeacherSpec)
    assert spec.teacher.space.input_size == 16
    low, high = spec.search.space.width.low, spec.search.space.width.high  # type: ignore[union-attr]
    assert (low, high) == (2, 4), "this generator is small"


def test_images_alone_have_their_own_size(own: tuple[Path, Path], tmp_path: Path) -> None:
    spec = sweeps.load_spec(write_template(tmp_path / "mine.yaml", data=own[0])[0])
    assert (spec.dataset.image_shape, spec.trained_teacher.width) == ((1, 64), 64)


@pytest.mark.parametrize("name", ["2024", "1e5", "true", "null", "0x1f", "2024-cats"])
def test_a_name_is_read_as_one(name: str, own: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = own[0].rename(tmp_path / f"{name}.npz")
    assert sweeps.load_spec(write_template(tmp_path / "mine.yaml", data=pictures)[0]).name == name


def test_what_is_given_stays(own: tuple[Path, Path], tmp_path: Path) -> None:
    spec_file, _ = write_template(tmp_path / "mine.yaml", data=own[0], teacher=own[1])
    text = spec_file.read_text().replace("# extractor: inception ", "extractor: inception ").replace("2048", "4096")
    spec_file.write_text(text.replace("# output_range: [-1.0, 1.0]", "output_range: [-1.5, 1.5]\n  latent_size: 6"))
    spec = sweeps.load_spec(spec_file)
    assert spec.extractor.kind == "inception"
    assert spec.teacher.output_range == (-1.5, 1.5)  # type: ignore[union-attr]


def test_what_is_not_there_is_named(own: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"--data is there, got nothing at .*nowhere"):
        write_template(tmp_path / "mine.yaml", data=tmp_path / "nowhere")
    with pytest.raises(SweepError, match="--teacher is there, got nothing at ~nobody-here"):
        write_template(tmp_path / "mine.yaml", teacher=Path("~nobody-here/x.pt"))
    with pytest.raises(SweepError, match="A preset has data and a teacher of its own"):
        write_template(tmp_path / "mine.yaml", "digits", teacher=own[1])
    spec_file, _ = write_template(tmp_path / "mine.yaml", data=own[0], teacher=own[1])
    own[1].write_bytes(b"no generator")
    with pytest.raises(GanError, match=r"generator\.pt"):
        sweeps.load_spec(spec_file)


def test_what_is_commented_out_goes_with_the_sampler_or_says_that_it_does_not(tmp_path: Path) -> None:
    path, _ = write_template(tmp_path / "mine.yaml")
    lines = path.read_text().splitlines()
    begin, end = lines.index("search:"), lines.index("baseline:                   # the same architectures, trained "
                                                     "from scratch as ordinary GANs")  # fmt: skip
    of_search = [n for n in range(begin, end) if re.match(r"  (  )?# [a-z_]+: ", lines[n])]
    assert len(of_search) > 8
    for number in of_search:
        key = lines[number].split("#")[1].split(":")[0].strip()
        if key in ("student", "of") or "other sampler" in lines[number] or "reproducible search" in lines[number]:
            continue
        changed = [*lines]
        changed[number] = lines[number].replace("# ", "", 1)
        path.write_text("\n".join(changed))
        assert sweeps.load_spec(path).search.sampler == "limit", key
