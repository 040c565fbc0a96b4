"""An entry of a clouds.yaml that was pasted whole, as Horizon offers it for download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_NEEDED = {
    "v3applicationcredential": ("application_credential_secret",),
    "password": ("username", "password"),
}
"""What the kinds of credential that Horizon's files hold cannot do without; Keystone judges the others."""


def entry_of(text: str, name: str = "") -> dict[str, Any]:
    """The entry called `name`; where no name is given, the only one that there is.

    Raises:
        ValueError: the text holds no such entry, or a part of it is missing. What it says has no value of the file in
            it: any of them may be a secret.
    """
    clouds = _clouds_in(text)
    if not name and len(clouds) != 1:
        raise ValueError(f"it has several entries: {', '.join(clouds)}; name one as `entry`")
    name = name or next(iter(clouds))
    if name not in clouds:
        raise ValueError(f"it has no entry {name}; it has {', '.join(clouds)}")
    entry = clouds[name]
    auth = entry.get("auth") if isinstance(entry, Mapping) else None
    if not isinstance(auth, Mapping):
        raise ValueError(f"its entry {name} has no `auth`")
    needed = ("auth_url", *_NEEDED.get(str(entry.get("auth_type", "password")), ()))
    if missing := [key for key in needed if not auth.get(key) and not (key == "username" and auth.get("user_id"))]:
        told = ", ".join(f"`{key}`" for key in missing)
        about = "; Horizon's file for a user leaves the password to you" if missing == ["password"] else ""
        raise ValueError(f"`auth` of its entry {name} has no {told}{about}")
    return dict(entry)


def _clouds_in(text: str) -> dict[str, Any]:
    if "\n" not in text.strip():
        raise ValueError("it is one line: its line breaks were lost; paste it into a field of several lines")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"it is not YAML{f', in line {mark.line + 1}' if mark else ''}") from None
    clouds = content.get("clouds") if isinstance(content, Mapping) else None
    if not isinstance(clouds, Mapping) or not clouds:
        raise ValueError("it has no entries under `clouds`")
    return {str(name): entry for name, entry in clouds.items()}
