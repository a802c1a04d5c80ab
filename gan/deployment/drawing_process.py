"""This script draws in a process of its own and says how much memory each batch took.

Its arguments are FOLDER THREADS BATCH...
An export's folder draws by its own run.py, so with its runtime and NumPy alone; a stored generator is run by PyTorch.
"""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

CALLS = 3


Draw = Callable[[int], Callable[[], object]]  # of so many images


def drawing_of_export(folder: Path, *, threads: int) -> Draw:
    """Returns what gives calls that draw with the export in `folder`."""
    stated = importlib.util.spec_from_file_location("run", folder / "run.py")
    assert stated is not None
    assert stated.loader is not None
    program = importlib.util.module_from_spec(stated)
    stated.loader.exec_module(program)
    card = json.loads((folder / "card.json").read_text())
    generator = program.loaded(card, threads)

    def of_batch(batch: int) -> Callable[[], object]:
        latents = program.drawn(card, batch, seed=0)
        return lambda: generator(latents)

    return of_batch


def drawing_of_stored(folder: Path, *, threads: int) -> Draw:
    """Returns what gives calls that draw with the stored generator in `folder`."""
    import torch

    from gan.deployment.in_pytorch import eager
    from gan.networks.artifacts import load_any_generator

    torch.set_num_threads(threads)
    generator, _ = load_any_generator(folder)
    return lambda batch: eager(generator, batch)


def peak_bytes() -> int | None:
    """Returns the most bytes that this process had resident; None where the system does not tell.

    `getrusage` would tell as much as the process that began this one has: its memory counts until this script begins.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), None)


def main() -> None:
    folder, threads, batches = Path(sys.argv[1]), int(sys.argv[2]), [int(text) for text in sys.argv[3:]]
    drawing = drawing_of_export if (folder / "run.py").is_file() else drawing_of_stored
    of_batch, found = drawing(folder, threads=threads), []
    for batch in sorted(batches):  # a peak is of all that was drawn before
        draw = of_batch(batch)
        for _ in range(CALLS):
            draw()
        found.append(peak_bytes())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
