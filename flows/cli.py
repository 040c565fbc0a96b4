"""The command line: the same flows, with exit codes and one JSON document on stdout for programs.

Nothing slow is imported before it is known that a command needs it: `magnumhub --help` answers at once, and a wrong
site file is refused before Prefect starts.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from magnumhub.domain.errors import MagnumhubError
    from magnumhub.domain.results import Part
    from magnumhub.domain.spec import Site

DONE, FAILED, WRONG_INPUT, DEGRADED, WAITING, WOULD_CHANGE = range(6)
"""Exit codes; WOULD_CHANGE only with `plan --exit-code`."""

# A command is no place for Prefect's own log lines: progress is ours, and what went wrong is in our errors. All of it
# is still in the run's log on the server. The temporary server gets more than its 20 s on a busy machine.
_PREFECT_DEFAULTS = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (DESIGN: 0 done, 1 failed, 2 wrong input, 3 degraded, 4 waits for a
    person)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["sandbox"]:  # a program of its own, with its own options: nothing of the product imports it
        return subprocess.call([sys.executable, "-m", "sandbox", *given[1:]])  # noqa: S603
    options = parser().parse_args(given)
    signal.signal(signal.SIGTERM, _interrupt)
    command: Callable[[argparse.Namespace], int] = options.command
    for name, value in _PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    from magnumhub.domain.errors import InputError, MagnumhubError, WaitingError

    try:
        return command(options)
    except WaitingError as waiting:
        _show_waiting(waiting, as_json=_as_json(options))
        return WAITING
    except InputError as error:
        _show_error(error, as_json=_as_json(options))
        return WRONG_INPUT
    except MagnumhubError as error:
        _show_error(error, as_json=_as_json(options))
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        stopped = MagnumhubError("interrupted", "run the same command again, it goes on from here")
        _show_error(stopped if was_stopped(error) else _not_ours(error), as_json=_as_json(options))
        return FAILED


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """What a killer asks for is what Ctrl-C does: tidy up, then end. Prefect hands the signal on to here."""
    raise KeyboardInterrupt


def was_stopped(error: BaseException | None) -> bool:
    """Whether a signal ended it: of one that comes while Prefect starts a task, an error of Prefect's is made."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        if type(error).__name__ == "TerminationSignal":  # Prefect's, which is not imported to answer this
            return True
        error = error.__context__
    return error is not None


def parser() -> argparse.ArgumentParser:
    """The commands and their options; `command` of what it parses carries one out."""
    top = argparse.ArgumentParser(
        prog="magnumhub",
        description="JupyterHub and Dask Gateway on OpenStack Magnum, from nothing to a checked hub.",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def site_command(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("site", metavar="SITE", help="a site's YAML file, or the name of one in deployments/sites/")
        sub.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else there")
        sub.set_defaults(command=command)
        return sub

    text = "look at a cloud and write a commented site file for it"
    init = commands.add_parser("init", help=text, description=text)
    init.add_argument("name", metavar="NAME", help="the new site's name: lowercase letters, digits, dashes")
    init.add_argument("--cloud", required=True, metavar="CLOUD", help="the entry of clouds.yaml to look at")
    init.add_argument("--directory", type=Path, default=Path("deployments/sites"), help="default: %(default)s")
    init.set_defaults(command=_init)

    plan = site_command("plan", _plan, "say what provision would do, and change nothing")
    plan.add_argument("--exit-code", action="store_true", help="exit with 5 when something would change")
    provision = site_command("provision", _provision, "carry out the runbook; run again, it does what is missing")
    provision.add_argument(
        "--replace-failed", action="store_true", help="delete a cluster of this site that Magnum failed to create"
    )
    text = "move a site to other addresses, charts, values or another image; go back where users cannot work then"
    redeploy = site_command("redeploy", _redeploy, text)
    for part, name in (("hub", "the hub"), ("dask", "the gateway")):
        redeploy.add_argument(
            f"--{part}-floating-ip",
            metavar="IP",
            default="keep",
            help=f"of {name}: keep (default), fresh or an address",
        )
        redeploy.add_argument(f"--{part}-chart-version", metavar="VERSION", help=f"of {name}'s chart")
        redeploy.add_argument(
            f"--{part}-values",
            metavar="YAML",
            type=_values,
            help=f"of {name}'s chart, over the site's: a file, or YAML",
        )
    redeploy.add_argument("--image", metavar="NAME:TAG", help="of notebooks, Dask schedulers and workers")
    redeploy.add_argument("--old-addresses", choices=("keep", "release"), default="keep", help="default: %(default)s")
    redeploy.add_argument("--dry-run", action="store_true", help="only say what would be done")
    teardown = site_command("teardown", _teardown, "take away all that a site has in the cloud")
    teardown.add_argument("--confirm", metavar="NAME", help="the site's name once more")
    teardown.add_argument("--homes", metavar="keep|delete", help="what becomes of users' homes and the hub's database")
    teardown.add_argument("--dry-run", action="store_true", help="only say what would be done")
    site_command("check", _check, "say whether users of a site can work, and if not, why and what to do")
    site_command("status", _status, "what there is of a site right now")

    text = "all sites of deployments/sites at a glance, worst first"
    fleet = commands.add_parser("fleet", help=text, description=text)
    fleet.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else there")
    fleet.add_argument(
        "--max-age-h", type=_positive, default=26, help="older reports are made anew (default: %(default)s)"
    )
    fleet.add_argument("--deadline-min", type=_positive, default=120, help="how long they are awaited: %(default)s")
    fleet.set_defaults(command=_fleet)

    text = "let the Prefect server know the flows, sites, schedules and automations of this folder"
    commands.add_parser("deploy", help=text, description=text).set_defaults(command=_deploy)
    text = "a Prefect server with its UI, all that deploy tells it, and a worker; ends with Ctrl-C"
    serve = commands.add_parser("serve", help=text, description=text)
    serve.add_argument("--sandbox", type=Path, metavar="DIR", help="on a cloud on this machine, started in DIR")
    serve.add_argument("--port", type=int, default=4200, help="of the server: %(default)s")
    serve.set_defaults(command=_serve)

    commands.add_parser("sandbox", help="a cloud on this machine to try everything on")
    return top


def _provision(options: argparse.Namespace) -> int:
    site = _load(options.site)
    with _running(options):
        from flows.provision import provision
        from tasks.sites import SiteName

        deployment = _result(provision(SiteName(options.site), options.replace_failed, return_state=True))
    if options.json:
        _print_json(deployment.document())
    else:
        from flows.summary import show_deployment

        show_deployment(site, deployment)
    return _exit_code(deployment.health.level if deployment.health else None)


def _redeploy(options: argparse.Namespace) -> int:
    from magnumhub.domain.overrides import laid_over, overrides_asked
    from magnumhub.openstack.moves import refuse_pinned

    site = _load(options.site)
    refuse_pinned(site, {"jupyterhub": options.hub_floating_ip, "dask_gateway": options.dask_floating_ip})
    versions: dict[Part, str | None] = {
        "jupyterhub": options.hub_chart_version,
        "dask_gateway": options.dask_chart_version,
    }
    values: dict[Part, dict[str, Any]] = {
        "jupyterhub": options.hub_values or {},
        "dask_gateway": options.dask_values or {},
    }
    laid_over(site, overrides_asked(site, chart_versions=versions, values=values, image=options.image))
    with _running(options):
        from flows.redeploy import redeploy
        from tasks.sites import SiteName

        names = [f"{part}_{what}" for part in ("hub", "dask") for what in ("floating_ip", "chart_version", "values")]
        words = {name: getattr(options, name) for name in (*names, "image", "old_addresses", "dry_run")}
        ended = _result(redeploy(SiteName(options.site), **words, return_state=True))
    if options.json:
        _print_json(ended.document())
    elif options.dry_run:
        from flows.summary import show_plan

        show_plan(ended)
    else:
        from flows.summary import show_deployment

        show_deployment(site, ended)
    return DONE if options.dry_run else _exit_code(ended.health.level if ended.health else None)


def _values(text: str) -> dict[str, Any]:
    """Chart values, from a file or as they are."""
    import yaml

    try:
        found = yaml.safe_load(Path(text).read_text(encoding="utf-8") if Path(text).is_file() else text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise argparse.ArgumentTypeError(f"not YAML: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("chart values are keys and values; is the file there?")
    return found


def _positive(text: str) -> float:
    """A number above 0, as check_fleet takes it."""
    if not (number := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _teardown(options: argparse.Namespace) -> int:
    from magnumhub.domain.teardown import refuse_unconfirmed

    refuse_unconfirmed(_load(options.site).name, options.confirm, options.homes)
    with _running(options):
        from flows.teardown import teardown
        from tasks.sites import SiteName

        words = (SiteName(options.site), options.confirm, options.homes, options.dry_run)
        ended = _result(teardown(*words, return_state=True))
    if options.json:
        _print_json(ended.document())
    elif options.dry_run:
        from flows.summary import show_plan

        show_plan(ended)
    else:
        from flows.summary import show_teardown

        show_teardown(ended)
    return DONE if options.dry_run or not ended.left else FAILED


def _check(options: argparse.Namespace) -> int:
    _load(options.site)
    with _running(options):
        from flows.check_health import check_health
        from tasks.sites import SiteName

        health = _result(check_health(SiteName(options.site), return_state=True))
    if options.json:
        _print_json(health.model_dump(mode="json", by_alias=True))
    else:
        from flows.summary import show_health

        show_health(health)
    return _exit_code(health.level)


def _plan(options: argparse.Namespace) -> int:
    _load(options.site)
    with _running(options):
        from flows.plan import plan
        from tasks.sites import SiteName

        changes = _result(plan(SiteName(options.site), return_state=True))
    if options.json:
        _print_json(changes.document())
    else:
        from flows.summary import show_plan

        show_plan(changes)
    return WOULD_CHANGE if options.exit_code and changes.would_change else DONE


def _fleet(options: argparse.Namespace) -> int:
    with _running(options):
        from flows.check_fleet import check_fleet

        fleet = _result(check_fleet(options.max_age_h, options.deadline_min, return_state=True))
    if options.json:
        _print_json(fleet.document())
    else:
        from flows.summary import show_fleet

        show_fleet(fleet)
    return _exit_code(fleet.level)


def _status(options: argparse.Namespace) -> int:
    site = _load(options.site)
    from tasks.status import look

    status = look(site, report=lambda line: None)
    if options.json:
        _print_json(status.document())
    else:
        from flows.summary import show_status

        show_status(status)
    return DONE


def _init(options: argparse.Namespace) -> int:
    from tasks.init import write_site_file

    path = write_site_file(options.name, options.cloud, options.directory)
    print(f"{path} written. Answer what is marked FILL IN, then: magnumhub plan {path}")
    return DONE


def _deploy(options: argparse.Namespace) -> int:
    with _running(options):
        from flows.server.deploy import deploy

        deploy()
    return DONE


def _serve(options: argparse.Namespace) -> int:
    from flows.server.serve import serve

    serve(sandbox=options.sandbox, port=options.port)
    return DONE


def _load(name_or_path: str) -> Site:
    from magnumhub.domain.spec_file import load_site

    return load_site(name_or_path)


def _running(options: argparse.Namespace) -> Any:
    from flows.terminal import progress_lines

    return progress_lines()


def _result(state: Any) -> Any:
    """What a flow returned, also from a state called Degraded or Unhealthy; its error, raised, when it has none."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result


def _exit_code(level: str | None) -> int:
    return {None: DONE, "Healthy": DONE, "Skipped": DONE, "Degraded": DEGRADED}.get(level, FAILED)


def _not_ours(error: BaseException) -> MagnumhubError:
    """What to say of an error of Prefect's, or of one that nothing foresaw: that one's traceback is for the report."""
    from magnumhub.domain.errors import MagnumhubError

    if "prefect" in sys.modules:
        from blocks.prefect_server import not_begun

        if told := not_begun(error):
            return told
    traceback.print_exception(error)
    hint = "this is a fault of magnumhub: please report it with the traceback above"
    return MagnumhubError(f"{type(error).__name__}: {error}", hint)


def _as_json(options: argparse.Namespace) -> bool:
    return bool(getattr(options, "json", False))


def _print_json(document: object) -> None:
    print(json.dumps(document, indent=2 if sys.stdout.isatty() else None))


def _show_error(error: Any, *, as_json: bool) -> None:
    if not as_json:
        print(f"magnumhub: {error}", file=sys.stderr)
        return
    problems = [{"field": p.field, "given": p.given, "expected": p.expected} for p in getattr(error, "problems", ())]
    _print_json({"error": {"message": error.message, "hint": error.hint, "problems": problems}})


def _show_waiting(waiting: Any, *, as_json: bool) -> None:
    if as_json:
        _print_json({"waiting": {"addresses": waiting.addresses, "ports": waiting.ports, "request": waiting.request}})
    else:
        print(f"{waiting}\n\n{waiting.request}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
