"""``twistd oversip -c FILE``: the server as a Twisted application."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from twisted.internet import reactor
from twisted.python import usage

from oversip_tw import config
from oversip_tw.service import Server, StartUpError, lean, monotonic


class Options(usage.Options):
    """What twistd understands behind ``oversip``."""

    optParameters = [["config", "c", None, "the configuration file (default: built-in, see `oversip run --help`)"]]
    longdesc = "Runs the SIP server; `oversip check -c FILE` tells whether a configuration is good."


def makeService(options: Options) -> Server:
    """The server that ``options`` ask for. A bad configuration ends the process, with a line for each mistake.

    (twistd makes a traceback of a UsageError that comes from here, and a page of usage of one that comes before.)
    """
    # twistd may change the folder (--rundir) before SIGHUP asks for the file again
    file = os.path.abspath(options["config"]) if options["config"] else None
    try:
        settings = config.load(options["config"]) if file else config.default()
    except config.ConfigError as error:
        raise SystemExit("\n".join(error.lines())) from None
    sys.excepthook = _one_line
    return Server(settings, lean(monotonic(reactor)), reread=(lambda: config.load(file)) if file else None)


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """twistd lets a start-up that fails end in a traceback; ours says why in a line."""
    if isinstance(error, StartUpError):
        print(f"oversip: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
