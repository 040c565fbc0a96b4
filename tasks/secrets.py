"""What must show nowhere: services quote it, in a pod's log or an error, and a check passes on what they say."""

from __future__ import annotations

from contextlib import suppress

from blocks.secrets import resolve
from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import secret_refs
from magnumhub.kube.secrets import read_secret
from tasks.find import Place, inside
from tasks.values import TOKENS_SECRET


def secrets_of(site: Site, place: Place | None) -> tuple[str, ...]:
    """The site's secrets that can be read here, and the tokens that are in its cluster.

    Safe to repeat: reads only. What cannot be read is left out: whoever needs it tells why.
    """
    found: set[str] = set()
    for reference in secret_refs(site):
        with suppress(MagnumhubError):
            found.update(resolve([reference]).values())
    if place is not None:
        with suppress(MagnumhubError), inside(site, place, lambda line: None) as there:
            found.update((read_secret(there.kube, site.jupyterhub.namespace, TOKENS_SECRET) or {}).values())
    return tuple(sorted(found))
