"""This room reads image data sets by name: uint8 NCHW tensors, split once, identified by a digest of their content."""

from gan.datasets.config import DataRoot, DatasetConfig, default_data_root
from gan.datasets.images import HELD_OUT_FRACTION, ImageDataset
from gan.datasets.registry import DATASETS, load_dataset

__all__ = [
    "DATASETS",
    "HELD_OUT_FRACTION",
    "DataRoot",
    "DatasetConfig",
    "ImageDataset",
    "default_data_root",
    "load_dataset",
]
