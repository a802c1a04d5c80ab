"""This module reads statistics of real images as others publish them: an .npz with `mu` and `sigma`.

pytorch-fid (`--save-stats`), clean-fid (`make_custom_stats`) and the files of Heusel et al. (2017) are such. A FID
against them compares with published ones as far as the extractor and its preprocessing are the same as theirs.

Shapes: F features.
"""

import zipfile
from pathlib import Path

import numpy as np
import scipy.linalg

from gan.datasets.own.decoding import npy_array
from gan.datasets.own.zip_archive import DAMAGES
from gan.digests import array_digest
from gan.errors import ArtifactError, GanError
from gan.measuring.metrics import Array, FeatureStatistics

_MAX_BYTES = 2**30  # of one array; sigma of 2,048 features has 32 MiB
_ROUNDING = 1e-5  # of the largest variance: what statistics of float32 features may be off by
_RULE = "Reference statistics are an .npz with mu (F numbers) and sigma (a covariance, F times F)"
_REMEDY = "Write them with python -m pytorch_fid --save-stats IMAGES FILE, or clean-fid's make_custom_stats."


def load_statistics(path: Path) -> FeatureStatistics:
    """Returns the statistics in a file of mu and sigma, of an unknown number of samples.

    Raises ArtifactError for a file that cannot be read, and GanError where mu and sigma are no mean and covariance:
    finite, symmetric and positive semidefinite to rounding.

    >>> import numpy as np
    >>> np.savez(folder / "stats.npz", mu=np.zeros(8), sigma=np.eye(8))
    >>> load_statistics(folder / "stats.npz").mean.shape
    (8,)
    """
    mean_F, covariance_FF = _read(path)
    size = len(mean_F) if mean_F.ndim == 1 else 0
    if size == 0 or covariance_FF.shape != (size, size):
        raise GanError(_RULE, f"mu{mean_F.shape} and sigma{covariance_FF.shape} in {path}", _REMEDY)
    if not (np.isfinite(mean_F).all() and np.isfinite(covariance_FF).all()):
        raise GanError(_RULE, f"values that are not finite in {path}", _REMEDY)
    scale = float(np.abs(np.diag(covariance_FF)).max())
    asymmetry = float(np.abs(covariance_FF - covariance_FF.T).max())
    if asymmetry > _ROUNDING * scale:
        raise GanError(_RULE, f"sigma off its mirror image by {asymmetry:.3g} in {path}", _REMEDY)
    symmetric_FF = (covariance_FF + covariance_FF.T) / 2
    if not _is_semidefinite(symmetric_FF, _ROUNDING * scale):
        raise GanError(_RULE, f"sigma with a negative eigenvalue in {path}", _REMEDY)
    return FeatureStatistics(mean_F, symmetric_FF, count=None)


def statistics_digest(statistics: FeatureStatistics) -> str:
    """Returns the digest of mean and covariance, which is the same however they were packed."""
    return array_digest(statistics.mean, statistics.covariance)


def _read(path: Path) -> tuple[Array, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(member.filename.removesuffix(".npy") for member in archive.infolist())
            if names.count("mu") != 1 or names.count("sigma") != 1:  # `mu` beside `mu.npy` is one of two
                raise GanError(_RULE, f"{', '.join(names[:10]) or 'nothing'} in {path}", _REMEDY)
            mean, covariance = (_array(archive, name, path=path) for name in ("mu.npy", "sigma.npy"))
        if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
            raise GanError(_RULE, f"{mean.dtype} and {covariance.dtype} in {path}", _REMEDY)
        return mean.astype(np.float64), covariance.astype(np.float64)
    except GanError:
        raise
    except (*DAMAGES, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(_RULE, f"{path} ({reason})", "Check the path, or write them again.") from error


def _array(archive: zipfile.ZipFile, name: str, *, path: Path) -> np.ndarray:
    if name not in archive.namelist():
        raise GanError(_RULE, f"{name.removesuffix('.npy')}, which is no .npy file, in {path}", _REMEDY)
    if (size := archive.getinfo(name).file_size) > _MAX_BYTES:
        raise GanError(_RULE, f"{name} of {size:,} bytes in {path}", _REMEDY)
    return npy_array(archive.read(name))


def _is_semidefinite(symmetric_FF: Array, rounding: float) -> bool:
    """Returns whether no eigenvalue lies below -rounding: Cholesky tells it in a tenth of the time of eigenvalues."""
    try:
        scipy.linalg.cholesky(symmetric_FF + max(rounding, np.finfo(np.float64).tiny) * np.eye(len(symmetric_FF)))
    except scipy.linalg.LinAlgError:
        return False
    return True
