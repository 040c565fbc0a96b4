"""What names, labels and keys may be made of, with the words in which the server tells so."""

from __future__ import annotations

import re

_LABEL_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SUBDOMAIN_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_DNS_LABEL_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL, _VALUE = re.compile(_LABEL_PART), re.compile(f"({_LABEL_PART})?")
_SUBDOMAIN, _DNS_LABEL = re.compile(_SUBDOMAIN_PART), re.compile(_DNS_LABEL_PART)
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_MADE_OF = "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_NAME_RULE = (
    f"name part must consist of {_MADE_OF} (e.g. 'MyName',  or 'my.name',  or '123-abc', "
    f"regex used for validation is '{_LABEL_PART}')"
)
_VALUE_RULE = (
    f"a valid label must be an empty string or consist of {_MADE_OF} (e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"regex used for validation is '({_LABEL_PART})?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN_PART}')"
)
_DNS_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    f"'{_DNS_LABEL_PART}')"
)
_CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def subdomain_problems(name: str) -> list[str]:
    """Of a name as most objects have it."""
    return _problems(name, _SUBDOMAIN, _SUBDOMAIN_RULE, 253)


def dns_label_problems(name: str) -> list[str]:
    """Of a namespace's or a port's name."""
    return _problems(name, _DNS_LABEL, _DNS_LABEL_RULE, 63)


def service_name_problems(name: str) -> list[str]:
    """Of a Service's name."""
    return ["must not contain dots"] if "." in name else dns_label_problems(name)


def path_problems(name: str) -> list[str]:
    """Of a name that is taken as it comes, as roles' are."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{sign}'" for sign in "/%" if sign in name]


def label_value_problems(value: str) -> list[str]:
    """Of a label's value."""
    return _problems(value, _VALUE, _VALUE_RULE, 63)


def qualified_name_problems(key: str) -> list[str]:
    """Of a label's or an annotation's key: a name, with a domain before a slash if there is one."""
    prefix, slash, name = key.rpartition("/")
    told = []
    if slash and not prefix:
        told.append("prefix part must be non-empty")
    elif prefix:
        told += [f"prefix part {problem}" for problem in subdomain_problems(prefix)]
    if not name:
        told.append("name part must be non-empty")
    if len(name) > 63:
        told.append("name part must be no more than 63 bytes")
    return told if _LABEL.fullmatch(name) else [*told, _NAME_RULE]


def config_key_problems(key: str) -> list[str]:
    """Of a key in a ConfigMap or Secret."""
    return _problems(key, _CONFIG_KEY, _CONFIG_KEY_RULE, 253)


def _problems(text: str, pattern: re.Pattern[str], rule: str, longest: int) -> list[str]:
    unit = "characters" if longest == 253 else "bytes"
    told = [f"must be no more than {longest} {unit}"] if len(text) > longest else []
    return told if pattern.fullmatch(text) else [*told, rule]
