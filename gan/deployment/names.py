"""This module names the files of exports and of pages, by which they are told from what somebody put beside them."""

import re
from pathlib import PurePath

from gan.deployment.formats import FORMS
from gan.deployment.web.runtime import LIBRARY
from gan.networks.artifacts import CARD_FILE

PROGRAM, DRAWN = "run.py", "images.png"  # what it draws into, if nothing else is said
PAGE, MODELS = "index.html", "models.js"
TEACHER = "teacher"  # its role on a page, and the folder of its export
RUNTIME, EMBEDDED = "runtime", "embedded.js"
STATIC = ("page.css", "latents.js", "page.js")
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")  # of ONNX Runtime, which its npm package lacks

_OF_EXPORT = {CARD_FILE, PROGRAM, DRAWN, *(form.file for form in FORMS.values())}
_OF_RUNTIME = {LIBRARY, EMBEDDED, *NOTICES}
_OWN = {
    *(_OF_EXPORT | {PAGE, MODELS, TEACHER, RUNTIME, *STATIC}),
    *(f"{TEACHER}/{name}" for name in _OF_EXPORT),
    *(f"{RUNTIME}/{name}" for name in _OF_RUNTIME),
}
# What a process that was killed, or that imported run.py, leaves.
_LEFT = re.compile(rf"(?:{TEACHER}/)?(?:\.{re.escape(CARD_FILE)}\.\d+|__pycache__(?:/run\.[\w.-]+\.pyc)?)")


def is_own(path: PurePath) -> bool:
    """Returns whether a file or folder, by its path within an export or a page, is a part of it.

    >>> is_own(PurePath("model.onnx")), is_own(PurePath("teacher/run.py")), is_own(PurePath("runtime/run.py"))
    (True, True, False)
    """
    return path.as_posix() in _OWN or _LEFT.fullmatch(path.as_posix()) is not None
