"""This module opens what was exported in the runtime that it is for, and says what is missing where that is absent.

Shapes: N batch, I columns of a generator's inputs, C H W image channels, height and width.
"""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from gan.deployment import run as program
from gan.deployment.extras import needing
from gan.errors import ArtifactError
from gan.networks.own_network import first_line, quietly

STDERR = 2
_STDERR_TAKEN = threading.RLock()
Runner = Callable[[np.ndarray], np.ndarray]  # inputs NI, float32, to images NCHW
# Those of ONNX Runtime's operators that compute in whole numbers.
INT8_OPERATORS = frozenset({"ConvInteger", "MatMulInteger", "QGemm", "QLinearConv", "QLinearMatMul"})


def open_onnx(path: Path, threads: int = 1) -> Runner:
    """Returns the function of an ONNX file, run by ONNX Runtime on the CPU."""
    with needing("deploy"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    # Else its threads spin for a while after each call, on cores that are the next contender's.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many kinds, by what is wrong with the file
        raise _unreadable("An ONNX file is one that ONNX Runtime reads", path, error=error) from error
    (given,), (made,) = session.get_inputs(), session.get_outputs()

    def run(inputs_NI: np.ndarray) -> np.ndarray:
        images_NCHW: np.ndarray = session.run([made.name], {given.name: inputs_NI})[0]
        return images_NCHW

    return run


def onnx_opset(path: Path) -> int:
    """Returns the version of ONNX's operators that a file asks for."""
    with needing("deploy"):
        import onnx
    opsets = onnx.load(path, load_external_data=False).opset_import
    return next(int(each.version) for each in opsets if not each.domain)


def onnx_operators(path: Path) -> dict[str, int]:
    """Returns how many nodes of each kind ONNX Runtime has after its optimisations for this CPU, by kind."""
    with needing("deploy"):
        import onnx
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # else it warns that such a graph is of this CPU, which is what is asked
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        optimised = onnx.load(options.optimized_model_filepath)
    return dict(sorted(Counter(node.op_type for node in optimised.graph.node).items()))


def open_litert(path: Path, threads: int = 1) -> Runner:
    """Returns the function of a LiteRT file, run by LiteRT on the CPU. It settles anew where a batch's size changes."""
    try:
        with needing("litert"), without_native_log():
            return program.litert(str(path), threads)
    except (ValueError, RuntimeError) as error:  # by what is wrong with the file
        raise _unreadable("A LiteRT file is one that LiteRT reads", path, error=error) from error


def open_executorch(path: Path, threads: int = 1) -> Runner:
    """Returns the function of an ExecuTorch program, which draws a larger batch than it takes in pieces."""
    try:
        with needing("executorch"), without_native_log():
            return program.executorch(str(path), threads)
    except (RuntimeError, ValueError) as error:  # by what is wrong with the file
        raise _unreadable("An ExecuTorch program is one that ExecuTorch reads", path, error=error) from error


@contextmanager
def without_native_log() -> Iterator[None]:
    """Keeps from people what native code writes to stderr: LiteRT and ExecuTorch say there what they run on.

    It is the process's, so that one thread at a time has it, and what others write there meanwhile is lost.
    """
    with _STDERR_TAKEN, Path(os.devnull).open("wb") as nowhere:
        try:
            kept = os.dup(STDERR)
        except OSError:  # closed, so that nothing is seen
            yield
            return
        os.dup2(nowhere.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)


def open_exported_program(path: Path, threads: int = 1) -> Runner:
    """Returns the function of a torch.export file, run by PyTorch with as many threads as that is set to."""
    try:
        with quietly():
            network = torch.export.load(str(path)).module()
    except Exception as error:  # of many kinds, by what is wrong with the file
        raise _unreadable("A torch.export file is one that PyTorch reads", path, error=error) from error

    @torch.no_grad()
    def run(inputs_NI: np.ndarray) -> np.ndarray:
        images_NCHW: np.ndarray = network(torch.from_numpy(inputs_NI)).numpy()
        return images_NCHW

    return run


def _unreadable(rule: str, path: Path, *, error: Exception) -> ArtifactError:
    return ArtifactError(rule, f"{path} ({first_line(error)})", "Export it again.")
