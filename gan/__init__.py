"""Generative adversarial networks: data sets, training, distillation and measurement.

Knows nothing of searches, clusters or tracking servers: a training is a generator of `Progress`
values, and a stored model is a folder with weights and a card.

    dataset = load_dataset("digits")
    for progress in distill(architecture, config, lesson=Lesson(open_pool(path), dataset), seed=0):
        print(progress.kimg, evaluator.evaluate(progress.generator).fid)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
