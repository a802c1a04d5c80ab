"""This room reads image data sets by name or path: uint8 NCHW tensors, split once, identified by their digest."""

from gan.datasets.config import DataRoot, DatasetConfig, default_data_root
from gan.datasets.images import HELD_OUT_FRACTION, ImageDataset
from gan.datasets.own.shape import filled, found_shape
from gan.datasets.registry import DATASETS, load_dataset

__all__ = [
    "DATASETS",
    "HELD_OUT_FRACTION",
    "DataRoot",
    "DatasetConfig",
    "ImageDataset",
    "default_data_root",
    "filled",
    "found_shape",
    "load_dataset",
]
