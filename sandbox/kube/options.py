"""What a request's query asks for besides the object: dry runs, field managers, strictness, how to delete."""

from __future__ import annotations

from typing import Any

from sandbox.kube.errors import Cause, invalid
from sandbox.kube.web import Request

Obj = dict[str, Any]
_KINDS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_POLICIES = ("Foreground", "Background", "Orphan")
APPLY = "application/apply-patch+yaml"


def check_write(request: Request) -> None:
    """StatusError 422 for options that there are none of."""
    causes: list[Cause] = []
    applies = request.content_type == APPLY
    if request.method == "PATCH":
        if applies and not request.query.get("fieldManager"):
            causes.append(("fieldManager", "Required value: is required for apply patch"))
        if not applies and "force" in request.query:
            causes.append(("force", "Forbidden: may not be specified for non-apply patch"))
    _refuse(request, [*causes, *_dry_run(request.query.get("dryRun")), *_validation(request)])


def _dry_run(asked: str | None) -> list[Cause]:
    return (
        [] if asked in (None, "", "All") else [("dryRun", f'Unsupported value: ["{asked}"]: supported values: "All"')]
    )


def _validation(request: Request) -> list[Cause]:
    asked = request.query.get("fieldValidation", "")
    told = ", ".join(f'"{word}"' for word in _VALIDATIONS)
    wrong = f'Unsupported value: "{asked}": supported values: {told}'
    return [] if asked in _VALIDATIONS else [("fieldValidation", wrong)]


def _refuse(request: Request, causes: list[Cause]) -> None:
    if causes:
        raise invalid("meta.k8s.io", _KINDS[request.method], "", causes)


def of_delete(request: Request, body: Any) -> Obj:
    """DeleteOptions of body and query; StatusError 422 for those that there are none of."""
    options: Obj = dict(body) if isinstance(body, dict) else {}
    for name in ("gracePeriodSeconds", "propagationPolicy"):
        if name in request.query:
            options[name] = int(request.query[name]) if name == "gracePeriodSeconds" else request.query[name]
    if "orphanDependents" in request.query:
        options["orphanDependents"] = request.flag("orphanDependents")
    policy = options.get("propagationPolicy")
    causes = _dry_run(request.query.get("dryRun"))
    if policy and options.get("orphanDependents") is not None:
        both = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(("propagationPolicy", f'Invalid value: "{policy}": {both}'))
    elif policy and policy not in _POLICIES:
        told = ", ".join(f'"{word}"' for word in (*_POLICIES, "nil"))
        causes.append(("propagationPolicy", f'Unsupported value: "{policy}": supported values: {told}'))
    _refuse(request, causes)
    return {**options, "dryRun": request.dry_run or bool(options.get("dryRun"))}
