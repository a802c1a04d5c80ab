"""This package has the machines: Ray sessions, clusters of several machines, the MLflow server as a process.

It knows no network and no search.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
