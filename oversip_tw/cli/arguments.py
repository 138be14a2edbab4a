"""What can be typed, and where it goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from oversip_tw import __version__, config, native
from oversip_tw.cli.failure import Failure

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line; the exit status: 0 done, 1 failed (said on standard error), 2 not understood."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except config.ConfigError as error:
        print("\n".join(error.lines()), file=sys.stderr)
    except Failure as failure:
        print(f"oversip: {failure}", file=sys.stderr)
    except BrokenPipeError:
        # whoever read our output has seen enough
        sys.stderr.close()
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line; the reference in docs/ is checked against it."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-c", "--config", metavar="FILE", help="the configuration (default: loopback alone)")
    top = argparse.ArgumentParser(prog="oversip", description="SIP proxy and registrar that lets browsers be phones.")
    top.add_argument("--version", action="version", version=f"oversip {__version__} ({native.name()})")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser(
        "run",
        parents=[common],
        help="run the server in the foreground",
        description="Run the server in the foreground. Writes the line `ready` to standard error once all listeners "
        "are open. SIGTERM ends it in order, SIGHUP reads configuration, hooks and certificates again. Without a "
        "configuration it serves the users of the host name, on loopback: UDP and TCP port 5060, WebSocket port 8080.",
    )
    run.set_defaults(command=_run)

    check = commands.add_parser(
        "check",
        parents=[common],
        help="check a configuration",
        description="Read a configuration and everything it names, and list all mistakes in it.",
    )
    check.add_argument("file", nargs="?", metavar="FILE", help="the configuration, instead of --config")
    check.add_argument(
        "--effective", action="store_true", help="print the configuration as it holds, with every default"
    )
    check.set_defaults(command=_check)

    _user_commands(commands.add_parser("user", help="add, import, list, name, forward and remove users"), common)

    bindings = commands.add_parser(
        "bindings",
        parents=[common],
        help="list who is registered",
        description="List the bindings in the store: user, Contact, seconds until it expires, User-Agent.",
    )
    bindings.add_argument("user", nargs="?", metavar="NAME@DOMAIN", help="of this user alone")
    bindings.set_defaults(command=_bindings)

    kick = commands.add_parser(
        "kick",
        parents=[common],
        help="end what a user has registered",
        description="End all bindings of a user and close the connections that are for nobody else, in the server that "
        "runs: it is asked by its admin port. Phones may come back; change the password first to keep them out.",
    )
    kick.add_argument("user", metavar="NAME@DOMAIN", help="without @DOMAIN: of the first domain")
    kick.add_argument("--reason", metavar="TEXT", help="what a WebSocket is told as it is closed")
    kick.set_defaults(command=_kick)

    _database_command(commands.add_parser("db", help="the store's tables"), common)
    _import_command(commands.add_parser("import-oversip", help="translate the configuration of an OverSIP"))
    return top


def _database_command(command: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    upgrade = command.add_subparsers(metavar="COMMAND", required=True).add_parser(
        "upgrade",
        parents=[common],
        help="bring the store up to date",
        description="Bring the tables of an older version up to date, while no server runs. A SQLite file is copied "
        "first; whatever fails leaves everything as it was.",
    )
    upgrade.set_defaults(command=_upgrade)


def _import_command(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Write the configuration that an OverSIP (the server in Ruby) had, as one of this server, and list on standard "
        "error what could not be carried over. Changes nothing in DIR."
    )
    command.add_argument("folder", metavar="DIR", help="where oversip.conf and proxies.conf are: /etc/oversip")
    command.add_argument("-o", "--output", metavar="FILE", help="a new file to write (default: standard output)")
    command.add_argument(
        "--core", action="append", default=[], metavar="URI", help="the SIP core behind the server; may be repeated"
    )
    command.set_defaults(command=_import)


def _user_commands(user: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    commands = user.add_subparsers(metavar="COMMAND", required=True)
    for name, text in (("add", "add a user"), ("passwd", "give a user a new password")):
        command = commands.add_parser(
            name,
            parents=[common],
            help=text,
            description=f"{text.capitalize()}; a running server knows within seconds. Asks for the password.",
        )
        command.add_argument("user", metavar="NAME@DOMAIN", help="without @DOMAIN: of the first domain")
        command.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )
        command.set_defaults(command=_add if name == "add" else _passwd)
    remove = commands.add_parser(
        "remove", parents=[common], help="remove a user", description="Remove a user; bindings stay until they expire."
    )
    remove.add_argument("user", metavar="NAME@DOMAIN", help="without @DOMAIN: of the first domain")
    remove.set_defaults(command=_remove)
    taking = commands.add_parser(
        "import",
        parents=[common],
        help="take over the users of another server",
        description="Take over users with their HA1 or passwords: of Kamailio's table `subscriber` as CSV, or of "
        "Asterisk's table `ps_auths` as CSV or its pjsip.conf. The first line of CSV names the columns.",
    )
    taking.add_argument("file", metavar="FILE", help="what the other server's database or administrator wrote")
    taking.add_argument("--from", dest="source", choices=("kamailio", "asterisk"), required=True, help="whose it is")
    taking.add_argument("--domain", metavar="DOMAIN", help="whose users they become (default: what the file says)")
    taking.add_argument("--replace", action="store_true", help="also those that are there already")
    taking.set_defaults(command=_import_users)
    listing = commands.add_parser("list", parents=[common], help="list users", description="List all users.")
    listing.set_defaults(command=_list)
    _alias_commands(
        commands.add_parser("alias", help="say what else users are called").add_subparsers(
            metavar="COMMAND", required=True
        ),
        common,
    )
    _forward_command(
        commands.add_parser("forward", parents=[common], help="say where calls go that no phone of a user took")
    )


def _alias_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    add = commands.add_parser(
        "add",
        parents=[common],
        help="give a user a further name",
        description="Let calls to ALIAS reach the phones of a user, who may call and register by that name. A running "
        "server knows within seconds.",
    )
    add.add_argument("alias", metavar="ALIAS", help="NAME@DOMAIN, or a NAME of the first domain")
    add.add_argument("user", metavar="NAME@DOMAIN", help="without @DOMAIN: of the first domain")
    remove = commands.add_parser("remove", parents=[common], help="take it away", description="Remove an alias.")
    remove.add_argument("alias", metavar="ALIAS", help="NAME@DOMAIN, or a NAME of the first domain")
    listing = commands.add_parser(
        "list", parents=[common], help="list aliases", description="List the aliases in the store, and whose they are."
    )
    add.set_defaults(command=_alias_add)
    remove.set_defaults(command=_alias_remove)
    listing.set_defaults(command=_alias_list)


def _forward_command(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Say where calls go that no phone of a user took, and show what holds then. A target is a user (NAME or "
        'NAME@DOMAIN), a SIP URI, or "" for nowhere. A running server knows within seconds.'
    )
    command.add_argument("user", metavar="NAME@DOMAIN", help="without @DOMAIN: of the first domain")
    for option, text in (
        ("busy", "when the phones are busy"),
        ("no-answer", "when nobody answers"),
        ("unregistered", "when no phone is there"),
    ):
        command.add_argument(f"--{option}", metavar="TARGET", help=text)
    command.add_argument("--ring-timeout", metavar="SECONDS", type=float, help="how long the phones ring")
    command.add_argument("--reset", action="store_true", help="first forget all that was set for the user")
    command.set_defaults(command=_forward)


# Each command is imported when it is asked for: `user list` need not wait for Twisted's reactor.


def _run(options: argparse.Namespace) -> int:
    from oversip_tw.cli.run import run

    return run(read(options), reread=(lambda: read(options)) if options.config else None)


def _check(options: argparse.Namespace) -> int:
    from oversip_tw.cli.check import check

    options.config = options.file or options.config
    return check(read(options), options.config, options.effective)


def _add(options: argparse.Namespace) -> int:
    from oversip_tw.cli import users

    return users.add(read(options), options.user, users.password(options.password_stdin))


def _passwd(options: argparse.Namespace) -> int:
    from oversip_tw.cli import users

    return users.passwd(read(options), options.user, users.password(options.password_stdin))


def _alias_add(options: argparse.Namespace) -> int:
    from oversip_tw.cli import aliases

    return aliases.add(read(options), options.alias, options.user)


def _alias_remove(options: argparse.Namespace) -> int:
    from oversip_tw.cli import aliases

    return aliases.remove(read(options), options.alias)


def _alias_list(options: argparse.Namespace) -> int:
    from oversip_tw.cli import aliases

    return aliases.list_all(read(options))


def _remove(options: argparse.Namespace) -> int:
    from oversip_tw.cli import users

    return users.remove(read(options), options.user)


def _list(options: argparse.Namespace) -> int:
    from oversip_tw.cli import users

    return users.list_all(read(options))


def _forward(options: argparse.Namespace) -> int:
    from oversip_tw.cli.forward import forward

    given = {name: getattr(options, name) for name in ("busy", "no_answer", "unregistered")}
    targets = {f"forward_{name}": target for name, target in given.items() if target is not None}
    return forward(read(options), options.user, targets, options.ring_timeout, options.reset)


def _bindings(options: argparse.Namespace) -> int:
    from oversip_tw.cli.bindings import bindings

    return bindings(read(options), options.user)


def _kick(options: argparse.Namespace) -> int:
    from oversip_tw.cli.kick import kick

    return kick(read(options), options.user, options.reason)


def _upgrade(options: argparse.Namespace) -> int:
    from oversip_tw.cli.database import upgrade

    return upgrade(read(options))


def _import_users(options: argparse.Namespace) -> int:
    from oversip_tw.cli.import_users import import_users

    return import_users(read(options), options.source, options.file, options.domain, options.replace)


def _import(options: argparse.Namespace) -> int:
    from oversip_tw.cli.import_oversip import import_oversip

    return import_oversip(options.folder, options.output, options.core)


def read(options: argparse.Namespace) -> config.Config:
    """The configuration that the command line names, or the built-in one. Raises ConfigError."""
    return config.load(options.config) if options.config else config.default()
