"""The optional native parts; all else stands in setup.cfg.

Wheels get them where a C compiler and Python's headers are there; an editable install stays pure.
OVERSIP_NATIVE=1 builds them always, OVERSIP_NATIVE=0 never. Without them everything works, with more CPU.

    OVERSIP_NATIVE=1 python setup.py build_ext --inplace
"""

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup


def can_compile() -> bool:
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(compiler) is not None and header.exists()


def wanted() -> bool:
    asked = os.environ.get("OVERSIP_NATIVE", "")
    return asked != "0" if asked else "bdist_wheel" in sys.argv and can_compile()


def c_extensions() -> list[Extension]:
    if sys.platform != "linux":
        return []
    # optional: one that does not compile is left out, and the install goes on
    return [Extension("oversip_tw.transport._datagrams", ["oversip_tw/transport/_datagrams.c"], optional=True)]


setup(ext_modules=c_extensions() if wanted() else [])
