"""This package has generative adversarial networks: data sets, training, distillation and measurement.

Knows nothing of searches, clusters or tracking servers: a training is a generator of `Progress`
values, and a stored model is a folder with weights and a card. The names of this example are those of all others:

>>> dataset = load_dataset("digits")
>>> shape = {"image_size": 16, "image_channels": 1, "latent_size": 8}
>>> teacher = build_generator(GeneratorConfig(width=8, **shape), seed=0).eval()
>>> latents_NL = pool_latents(256, 8, seed=0)
>>> for done in build_pool(teacher, "its digest", path=folder / "pool.arrow", latents_NL=latents_NL):
...     pass
>>> lesson = Lesson(open_pool(folder / "pool.arrow"), dataset)
>>> student = GeneratorConfig(width=2, **shape)
>>> for progress in distill(student, DistillationConfig(kimg=0.128), lesson=lesson, seed=0):
...     print(progress.kimg, progress.diverged)
0.128 False
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
