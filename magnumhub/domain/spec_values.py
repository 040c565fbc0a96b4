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
    "singleuser.extraEnv.DASK_GATEWAY__ADDRESS": "nothing: it is the gateway inside the cluster",
}
_GATEWAY_OWNED = {
    "gateway.auth": "dask_gateway.auth",
    "gateway.backend.namespace": "dask_gateway.namespace",
}
"""Paths in the charts' values that a field of the site says already -> that field."""


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


_SHAPES: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "jupyterhub.values": {
        "proxy.service": (lambda value: isinstance(value, Mapping), "keys and values"),
        "proxy.service.extraPorts": (
            lambda value: isinstance(value, list) and all(_is_port(value_at(item, "port")) for item in value),
            "a list of ports of a Service, each with a number as its port",
        ),
        "hub.baseUrl": (lambda value: isinstance(value, str), "text, such as /"),
    },
    "dask_gateway.values": {
        "traefik.service.ports.web.port": (_is_port, "a number from 1 to 65535"),
        "traefik.service.ports.tcp.port": (lambda value: value == "web" or _is_port(value), "web, or a number"),
        "gateway.prefix": (lambda value: isinstance(value, str), "text, such as /"),
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
    for part, values, owned, said in (
        ("jupyterhub.values", jupyterhub.values, _HUB_OWNED, hub_is),
        ("dask_gateway.values", dask_gateway.values, _GATEWAY_OWNED, gateway_is),
    ):
        yield from _plain_secrets(values, part)
        for path, (is_right, expected) in _SHAPES[part].items():
            given = value_at(values, path)
            if given is not None and not is_right(given):
                yield Problem(f"{part}.{path}", repr(given), expected)
        for path, field in owned.items():
            if value_at(values, path) is not None:
                yield Problem(f"{part}.{path}", "a value of its own", f"the site's field instead: {field}")
        for path, (field, right) in said.items():
            given = value_at(values, path)
            if given is not None and given != right:
                yield Problem(f"{part}.{path}", repr(given), f"nothing, and this in {field}, which says {right!r}")


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
