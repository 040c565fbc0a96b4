"""Raw chart values in a site file: they add to what the site's fields say, never contradict it, and hold no secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from magnumhub.domain.errors import Problem
from magnumhub.domain.redaction import is_secret_key, secret_reference
from magnumhub.domain.spec import DaskGatewaySpec, FloatingIpsSpec, ImageSpec, JupyterHubSpec
from magnumhub.domain.values import value_at

_HUB_OWNED = {
    "proxy.https": "jupyterhub.https",
    "hub.config.JupyterHub.authenticator_class": "jupyterhub.auth.kind",
    "hub.services.dask-gateway": "nothing: the service and its token are made",
    "hub.services.magnumhub": "nothing: the check's service and its token are made",
    "hub.loadRoles.magnumhub": "nothing: it is what the check may do",
    "hub.loadRoles.user": "nothing: it lets users use the gateway",
    "hub.loadRoles.server": "nothing: it lets notebooks use the gateway",
    "singleuser.extraEnv.DASK_GATEWAY__ADDRESS": "nothing: it is the gateway inside the cluster",
}
_GATEWAY_OWNED = {
    "gateway.auth": "dask_gateway.auth",
    "gateway.backend.namespace": "dask_gateway.namespace",
    "gateway.extraConfig.magnumhub": "nothing: it is ours; give your code another name",
}
"""Paths in the charts' values that a field of the site says already -> that field."""

_HUB_FIXED: dict[str, Any] = {
    "fullnameOverride": "",
    "nameOverride": None,
    "hub.baseUrl": "/",
    "hub.networkPolicy.interNamespaceAccessLabels": "accept",
    "proxy.service.type": "LoadBalancer",
}
_GATEWAY_FIXED: dict[str, Any] = {"fullnameOverride": "", "nameOverride": "", "gateway.prefix": "/"}
"""Paths in the charts' values that addresses, names and rules are built on -> the only value that works."""


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


_SHAPES: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "jupyterhub.values": {
        "singleuser.networkPolicy.egress": (lambda value: isinstance(value, list), "a list of rules"),
        "proxy.service": (lambda value: isinstance(value, Mapping), "keys and values"),
        "proxy.service.extraPorts": (
            lambda value: isinstance(value, list) and all(_is_port(value_at(item, "port")) for item in value),
            "a list of ports of a Service, each with a number as its port",
        ),
    },
    "dask_gateway.values": {
        "traefik.service.ports.web.port": (_is_port, "a number from 1 to 65535"),
        "traefik.service.ports.tcp.port": (lambda value: value == "web" or _is_port(value), "web, or a number"),
    },
}
"""Paths in the charts' values that the wiring reads -> what may stand there."""


def raw_value_problems(
    floating_ips: FloatingIpsSpec, image: ImageSpec, jupyterhub: JupyterHubSpec, dask_gateway: DaskGatewaySpec
) -> Iterator[Problem]:
    """Every raw value that contradicts a field of the site, or is a secret in plain text.

    Repeating what the field says is no contradiction: a values file that worked by hand can be kept as it is.
    """
    image_is = {"name": ("image.name", image.name), "tag": ("image.tag", image.tag)}
    hub_is = {
        "proxy.service.loadBalancerIP": ("network.floating_ips.jupyterhub", floating_ips.jupyterhub),
        **{f"singleuser.image.{key}": said for key, said in image_is.items()},
    }
    gateway_is = {
        "traefik.service.spec.loadBalancerIP": ("network.floating_ips.dask_gateway", floating_ips.dask_gateway),
        **{f"gateway.backend.image.{key}": said for key, said in image_is.items()},
    }
    kind = "ClusterIP" if floating_ips.dask_gateway == "none" else "LoadBalancer"
    for part, values, owned, fixed, said in (
        ("jupyterhub.values", jupyterhub.values, _HUB_OWNED, _HUB_FIXED, hub_is),
        (
            "dask_gateway.values",
            dask_gateway.values,
            _GATEWAY_OWNED,
            {**_GATEWAY_FIXED, "traefik.service.type": kind},
            gateway_is,
        ),
    ):
        yield from _plain_secrets(values, part)
        for path, (is_right, expected) in _SHAPES[part].items():
            given = value_at(values, path)
            if given is not None and not is_right(given):
                yield Problem(f"{part}.{path}", repr(given), expected)
        for path, field in owned.items():
            if _given(values, path) is not _ABSENT:
                yield Problem(f"{part}.{path}", "a value of its own", f"the site's field instead: {field}")
        for path, right in fixed.items():
            if (given := _given(values, path)) not in (_ABSENT, right):
                yield Problem(f"{part}.{path}", repr(given), f"nothing, as the wiring is built on {right!r}")
        for path, (field, right) in said.items():
            if (given := _given(values, path)) not in (_ABSENT, right):
                yield Problem(f"{part}.{path}", repr(given), f"nothing, and this in {field}, which says {right!r}")


_ABSENT = object()


def _given(values: Any, path: str) -> Any:
    """What stands under a dotted path; None also where null, with which Helm takes a key out, stands above it."""
    for key in path.split("."):
        if values is None:
            return None
        if not isinstance(values, Mapping) or key not in values:
            return _ABSENT
        values = values[key]
    return values


def _plain_secrets(value: Any, path: str) -> Iterator[Problem]:
    if secret_reference(value):
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _plain_secrets(item, f"{path}.{index}")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if is_secret_key(str(key)) and isinstance(item, str) and item:
                where = "{env: NAME}, {file: PATH} or {block: NAME}: a site file holds no secrets"
                yield Problem(f"{path}.{key}", "a secret in plain text", where)
            else:
                yield from _plain_secrets(item, f"{path}.{key}")
