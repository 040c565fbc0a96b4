"""What the API answers when it refuses: Status objects, worded as the real server words them."""

from __future__ import annotations

from typing import Any

Cause = tuple[str, str]
"""Field and message."""
_REASONS = {  # how a cause's message begins -> what kind of cause it is
    "Required": "FieldValueRequired",
    "Unsupported": "FieldValueNotSupported",
    "Forbidden": "FieldValueForbidden",
    "Duplicate": "FieldValueDuplicate",
    "Too long": "FieldValueTooLong",
    "Not found": "FieldValueNotFound",
}


class StatusError(Exception):
    """A refusal that reaches the client as a Status object; without a reason it is a plain failure."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def body(self) -> dict[str, Any]:
        """The Status object."""
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        reason = {"reason": self.reason} if self.reason else {}
        details = {} if self.details is None else {"details": self.details}
        return {**status, **reason, **details, "code": self.code}


class NothingServedError(Exception):
    """A path below which nothing is served: not even a Status is answered."""


def qualified(group: str, resource: str) -> str:
    """`deployments.apps`, or just `pods` for the core group."""
    return f"{resource}.{group}" if group else resource


def _details(group: str, resource: str, name: str) -> dict[str, Any]:
    return {**({"name": name} if name else {}), **({"group": group} if group else {}), "kind": resource}


def no_such_path() -> StatusError:
    """A path that the server does not serve."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def not_found(group: str, resource: str, name: str) -> StatusError:
    """No object of that name."""
    message = f'{qualified(group, resource)} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(group, resource, name))


def already_exists(group: str, resource: str, name: str) -> StatusError:
    """The name is taken."""
    message = f'{qualified(group, resource)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str | None = None) -> StatusError:
    """Somebody else was faster, or a precondition does not hold."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(group, resource, name))


def invalid(group: str, kind: str, name: str, causes: list[Cause]) -> StatusError:
    """The object breaks a rule."""
    told = list(dict.fromkeys(f"{field}: {message}" for field, message in causes))
    listed = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    message = f'{qualified(group, kind)} "{name}" is invalid: {listed}'
    fields = [{"reason": _reason(message), "message": message, "field": field} for field, message in causes]
    return StatusError(422, "Invalid", message, {**_details(group, kind, name), "causes": fields})


def _reason(message: str) -> str:
    if "in body must be of type" in message:
        return "FieldValueTypeInvalid"
    return next((reason for start, reason in _REASONS.items() if message.startswith(start)), "FieldValueInvalid")


def invalid_patch(shown: str, why: str) -> StatusError:
    """What a patch makes is no object of the kind."""
    message = f'Invalid value: "{shown}": {why}'
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}]
    return StatusError(422, "Invalid", f' "" is invalid: patch: {message}', {"causes": causes})


def not_applicable() -> StatusError:
    """A JSON patch that cannot be carried out."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def forbidden(group: str, resource: str, name: str, why: str, details: dict[str, Any] | None = None) -> StatusError:
    """Authorization or admission says no."""
    told = f'{qualified(group, resource)} "{name}"' if name else qualified(group, resource)
    details = {**_details(group, resource, name), **(details or {})}
    return StatusError(403, "Forbidden", f"{told} is forbidden: {why}", details)


def bad_request(message: str) -> StatusError:
    """The request cannot be understood."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """A credential that is not known."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def expired(asked: int, oldest: int) -> StatusError:
    """The watch asks for events that are no longer kept."""
    return StatusError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def unsupported_media(kinds: list[str]) -> StatusError:
    """A body of a type that this resource does not take."""
    told = ", ".join(kinds)
    message = f"the body of the request was in an unknown format - accepted media types include: {told}"
    return StatusError(415, "UnsupportedMediaType", message)


def unsupported_patch() -> StatusError:
    """A patch of a type that this resource does not take."""
    return StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def not_acceptable(kinds: list[str]) -> StatusError:
    """An answer is asked for in a form that there is none in."""
    message = f"406: Not Acceptable\n\nAvailable representations: {', '.join(kinds)}"
    return StatusError(406, "NotAcceptable", message, {})


def method_not_allowed() -> StatusError:
    """The resource exists and does not do that."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})
