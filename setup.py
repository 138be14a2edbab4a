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
from setuptools.command.build_ext import build_ext

#: what every message goes through, compiled by mypyc: the Python in there is all there is to it
COMPILED = (
    "promise", "sip", "transaction", "outbound", "auth", "resolve", "registrar", "presence", "proxy", "edge", "server",
    "service/polling",
    "transport/datagrams", "transport/flow", "transport/listener", "transport/websocket/frames",
)  # fmt: skip
AS_THEY_ARE = (
    # made once, by attrs or by dataclasses with defaults that are functions: nothing to gain
    "transaction/timers.py", "server/assembly.py", "settings.py", "__init__.py",
    # user code makes classes of its own of Proxy and Uac, and hangs things on them: compiled ones allow neither
    "proxy/client.py", "proxy/routing.py", "proxy/uac.py",
)  # fmt: skip
#: commands that make something that can be imported
BUILDS = frozenset({"bdist_wheel", "build", "build_ext", "editable_wheel", "install"})


def can_compile() -> bool:
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(compiler) is not None and header.exists()


def wanted() -> bool:
    asked = os.environ.get("OVERSIP_NATIVE", "")
    if not BUILDS.intersection(sys.argv):
        return False  # somebody asks for names and versions, which takes no compiler
    return asked != "0" if asked else "bdist_wheel" in sys.argv and can_compile()


def c_extensions() -> list[Extension]:
    if sys.platform != "linux":
        return []
    scan = [f"oversip_tw/sip/{name}" for name in ("_scan.c", "_plain.c", "_params.c", "_scan.h")]
    return [
        Extension("oversip_tw.transport._datagrams", ["oversip_tw/transport/_datagrams.c"]),
        Extension("oversip_tw.transport.websocket._frames", ["oversip_tw/transport/websocket/_frames.c"]),
        Extension("oversip_tw.sip._scan", scan[:-1], depends=scan[-1:], extra_compile_args=["-fvisibility=hidden"]),
    ]


def compiled_modules() -> list[Extension]:
    try:
        from mypyc.build import mypycify
    except ImportError:
        if os.environ.get("OVERSIP_NATIVE") == "1":
            raise
        print("no mypy: the modules stay Python", file=sys.stderr)
        return []
    files = []
    for name in COMPILED:
        place = Path("oversip_tw", name)
        files += sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    chosen = [str(file) for file in files if not str(file).endswith(AS_THEY_ARE)]
    try:
        # no configuration: its plugins are not there where a wheel is built
        extensions = mypycify(
            ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent", *chosen],
            opt_level=os.environ.get("OVERSIP_OPTIMISE", "3"),
            debug_level="0",
            multi_file=True,
            group_name="oversip_tw",
        )
    except SystemExit:
        # another version of mypy may see it otherwise; it has said so
        if os.environ.get("OVERSIP_NATIVE") == "1":
            raise
        print("mypyc did not like it: the modules stay Python", file=sys.stderr)
        return []
    for extension in extensions:
        # a warning of one compiler is no fault, but what is used before it is set is one of mypyc's
        arguments = [each for each in extension.extra_compile_args if each != "-Werror"]
        extension.extra_compile_args = [*arguments, "-Werror=maybe-uninitialized"]
    return extensions


class BuildAllOrNothing(build_ext):
    """Half of the modules cannot work without the other: when one does not compile, all stay Python."""

    def run(self) -> None:
        try:
            super().run()
            if self.inplace:
                # what did not change was not built again, and is up to date all the same (tests/test_compiled.py)
                for extension in self.extensions:
                    os.utime(self.get_ext_fullpath(extension.name))
        except Exception as error:
            if os.environ.get("OVERSIP_NATIVE") == "1":
                raise
            print(f"the modules stay Python: {error}", file=sys.stderr)
            for output in map(Path, self.get_outputs()):
                output.unlink(missing_ok=True)
            self.extensions = []


def native() -> dict[str, object]:
    if not wanted():
        return {}
    return {
        "ext_modules": [*c_extensions(), *compiled_modules()],
        "cmdclass": {"build_ext": BuildAllOrNothing},
    }


setup(**native())
