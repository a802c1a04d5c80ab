"""A folded generator makes the same images, of layers that every runtime knows."""

import torch
from torch import nn

from gan import Generator, GeneratorConfig, build_generator, fold


def test_images_stay_the_same_to_the_last_digits(generator: Generator) -> None:
    exact = build_generator(generator.config, seed=0).eval().double()
    exact.load_state_dict(generator.state_dict())
    inputs_NI = generator.config.inputs(64, "folding", seed=0).double()
    with torch.no_grad():
        images, folded = exact(inputs_NI), fold(exact)(inputs_NI)
    assert images.std() > 0.02
    assert (images - folded).abs().max() < 1e-10


def test_layers_are_plain_and_without_normalisation(generator: Generator) -> None:
    kinds = {type(layer) for layer in fold(generator).layers}
    assert kinds <= {nn.Conv2d, nn.ConvTranspose2d, nn.ReLU, nn.Upsample}


def test_the_original_stays_as_it_was(small: Generator) -> None:
    before = {name: value.clone() for name, value in small.state_dict().items()}
    folded = fold(small)
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_a_generator_in_training_is_folded_by_its_running_statistics() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=4)
    generator = build_generator(config, seed=0)
    inputs_NI = config.inputs(8, "folding", seed=0)
    with torch.no_grad():
        folded = fold(generator)(inputs_NI)
        assert torch.allclose(folded, generator.eval()(inputs_NI), atol=1e-6)
