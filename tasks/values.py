"""Both charts' values, with the tokens that hub and gateway share: composed to be installed, or only to be told."""

from __future__ import annotations

from collections.abc import Mapping

from blocks.secrets import resolve
from magnumhub.domain.results import Part
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import Tokens, Values, compose_values, secret_refs
from magnumhub.kube.client import Kube
from magnumhub.kube.secrets import ensure_namespace, ensure_token
from magnumhub.remote.charts import ChartArchive
from tasks.charts import pair_of

TOKENS_SECRET = "magnumhub-tokens"  # noqa: S105  the Secret's name, not a secret
"""In the hub's namespace: tokens that were made once and are found again by every later run."""


def ensure_tokens(site: Site, kube: Kube) -> Tokens:
    """The tokens of the hub's two services.

    Safe to repeat: made once, found ever after.
    """
    namespace = site.jupyterhub.namespace
    ensure_namespace(kube, namespace, site=site.name)
    return Tokens(
        gateway=ensure_token(kube, namespace, TOKENS_SECRET, "gateway", site=site.name),
        check=ensure_token(kube, namespace, TOKENS_SECRET, "check", site=site.name),
    )


def composed_values(
    site: Site,
    addresses: Mapping[str, str | None],
    archives: Mapping[Part, ChartArchive],
    storage_class: str | None,
    tokens: Tokens,
) -> Values:
    """Both charts' values from the site; they hold secrets.

    Safe to repeat: nothing is written anywhere.

    Args:
        addresses: role to the address that the Service asks for; None: it has none.
    """
    return compose_values(
        site,
        addresses=addresses,
        secrets=resolve(secret_refs(site)),
        tokens=tokens,
        charts=pair_of(archives),
        storage_class=storage_class,
    )
