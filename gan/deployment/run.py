"""This script draws images with the generator beside it: python run.py [--count 64] [--seed 0] [--out images.png]."""

import argparse
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
Generator = Callable[[np.ndarray], np.ndarray]


def loaded(card: dict[str, Any], threads: int = 0) -> Generator:
    """Returns the function that makes images [N, C, H, W] in [-1, 1] of latents [N, L]; 0 threads are all there are."""
    path = str(HERE / card["file"])
    if path.endswith(".onnx"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda latents: session.run(["images"], {"latent": latents})[0]
    if path.endswith(".tflite"):
        return litert(path, threads)
    if path.endswith(".pte"):
        return executorch(path, threads)
    import torch

    torch.set_num_threads(threads or torch.get_num_threads())
    network = torch.export.load(path).module()
    return lambda latents: network(torch.from_numpy(latents)).detach().numpy()


def litert(path: str, threads: int) -> Generator:
    """Returns the function of a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(path, num_threads=threads or os.cpu_count())
    network.allocate_tensors()
    (about,), (made,) = network.get_input_details(), network.get_output_details()
    given = about["index"]
    shape: tuple[int, ...] | None = tuple(about["shape"])

    def images(latents: np.ndarray) -> np.ndarray:
        nonlocal shape
        if latents.shape != shape:
            shape = None  # where this fails, the next call settles anew
            network.resize_tensor_input(given, latents.shape)
            network.allocate_tensors()
            shape = latents.shape
        network.set_tensor(given, latents)
        network.invoke()
        found: np.ndarray = network.get_tensor(made["index"])
        return found

    return images


def executorch(path: str, threads: int) -> Generator:
    """Returns the function of an ExecuTorch program, which in Python takes tensors of PyTorch.

    Given threads are those of all programs of the process.
    """
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    if threads:
        portable_lib._unsafe_reset_threadpool(threads)
    method = Runtime.get().load_program(path).load_method("forward")
    largest = method.metadata.input_tensor_meta(0).sizes()[0]

    def images(latents: np.ndarray) -> np.ndarray:
        if not len(latents):
            raise ValueError("An ExecuTorch program draws at least one image, got no latents; give one.")
        parts = torch.from_numpy(np.ascontiguousarray(latents)).split(largest)
        return np.concatenate([method.execute([part])[0].numpy() for part in parts])

    return images


def drawn(card: dict[str, Any], count: int, *, seed: int) -> np.ndarray:
    """Returns latents as the generator was trained with, and classes one-hot behind them where it knows classes."""
    given, random = card["input"], np.random.default_rng(seed)
    size, bound, kind = given["latent_size"], given["bound"], given["distribution"]
    latents = random.standard_normal((count, size))
    if kind == "uniform":
        latents = random.uniform(-bound, bound, (count, size))
    while kind == "truncated-normal" and (outside := np.abs(latents) > bound).any():
        latents[outside] = random.standard_normal(outside.sum())
    if kind == "sphere":
        latents *= bound / np.linalg.norm(latents, axis=1, keepdims=True)
    classes = np.eye(given["classes"])[np.arange(count) % given["classes"]] if given["classes"] else latents[:, :0]
    return np.concatenate([latents, classes], axis=1).astype(np.float32)


def png(images: np.ndarray, columns: int = 8) -> bytes:
    """Returns a grid of images [N, C, H, W] in [-1, 1] as a PNG."""
    images = np.concatenate([images, np.ones((-len(images) % columns, *images.shape[1:]))])
    channels, height, width = images.shape[1:]
    tiles = images.reshape(-1, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    grid = tiles.reshape(-1, columns * width, channels)
    rows = np.rint((grid + 1) * 127.5).clip(0, 255).astype(np.uint8).reshape(len(grid), -1)
    header = struct.pack(">IIBBBBB", columns * width, len(grid), 8, 2 if channels == 3 else 0, 0, 0, 0)
    data = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())  # each row begins with its filter, none
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw images with the generator in this folder.")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("images.png"), help="a .png, or a .npy of floats in [-1, 1]")
    parser.add_argument("--threads", type=int, default=0, help="that compute; 0 are as many as the runtime likes")
    given = parser.parse_args()
    if given.count < 1 or given.seed < 0 or given.threads < 0:
        parser.error("--count is at least 1, --seed and --threads are at least 0")
    if given.out.suffix not in (".png", ".npy") or not given.out.absolute().parent.is_dir():
        parser.error(f"--out is a .png or a .npy in a folder that there is, got {given.out}")
    card = json.loads((HERE / "card.json").read_text())
    if hashlib.sha256((HERE / card["file"]).read_bytes()).hexdigest() != card["file_digest"]:
        parser.error(f"{card['file']} has another SHA-256 digest than its card says: export it again")
    images = loaded(card, given.threads)(drawn(card, given.count, seed=given.seed))
    np.save(given.out, images) if given.out.suffix == ".npy" else given.out.write_bytes(png(images))


if __name__ == "__main__":
    main()
