"""Whether users can work: the runbook's own test, asserted."""

from __future__ import annotations

from prefect import task

from blocks.secrets import resolve
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.health import Health
from magnumhub.domain.results import Addresses, MagnumCluster, Part, Result
from magnumhub.domain.spec import DummyAuth, Site
from magnumhub.domain.wiring import CHECK_USER, GATEWAY_RELEASE, HUB_RELEASE, RELEASES, endpoints
from magnumhub.kube.client import Kube
from magnumhub.kube.secrets import read_secret, write_secret
from magnumhub.services.users import HubAccess, Inside
from magnumhub.services.verify import verify
from tasks.access import Way, reached
from tasks.network import by_role
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.releases import Installed
from tasks.values import TOKENS_SECRET

VERIFIED_SECRET = "magnumhub-verified"  # noqa: S105  the Secret's name
"""In the hub's namespace: which revisions were computed on and found healthy, so that the next run can be light; and
which were the last that users could work with, degraded ones too, to go back to."""


class Endpoints(Result):
    """Where users go: `http://ADDRESS:PORT`; None where the gateway is inside the cluster only."""

    jupyterhub: str
    dask_gateway: str | None


def endpoints_of(site: Site, addresses: Addresses, hub: Installed, gateway: Installed) -> Endpoints:
    """The URLs of both Services: their ports are read from Kubernetes, never assumed."""
    urls = endpoints(
        site,
        {role: address.address for role, address in by_role(addresses).items()},
        {"jupyterhub": hub.ports, "dask_gateway": gateway.ports},
    )
    return Endpoints.model_validate(urls)


@task(name="verify site", **OBSERVE)
def verify_site(
    site: Site, magnum_cluster: MagnumCluster, way: Way, where: Endpoints, hub: Installed, gateway: Installed
) -> Health | None:
    """Log in, start a notebook server and compute on Dask from it, unless just these revisions were already seen to
    work.

    Safe to repeat: what it starts it stops, also when it fails. Returns None when nothing has changed since the last
    full verification and hub and gateway answer.

    Raises:
        nothing for an unhealthy site: the level and the findings of the result say it.
    """
    with stage("verify") as report, reached(site, magnum_cluster, way, report) as there:
        revisions = {HUB_RELEASE: str(hub.release.revision), GATEWAY_RELEASE: str(gateway.release.revision)}
        namespace = site.jupyterhub.namespace
        noted = read_secret(there.kube, namespace, VERIFIED_SECRET) or {}
        full = any(noted.get(name) != revision for name, revision in revisions.items())
        report.action = "kept" if full else "skipped"
        health = verify(
            site,
            hub_url=where.jupyterhub,
            gateway_url=where.dask_gateway,
            gateway_ports=gateway.ports,
            access=hub_access(site, there.kube),
            releases={HUB_RELEASE: hub.release, GATEWAY_RELEASE: gateway.release},
            full=full,
            inside=Inside(there.kube, magnum_cluster.labels),
            report=report,
        )
        if full and health.level in ("Healthy", "Degraded"):
            noted |= {_works(name): revision for name, revision in revisions.items()}
            noted |= revisions if health.level == "Healthy" else {}  # what is not is looked at in full again
            write_secret(there.kube, namespace, VERIFIED_SECRET, noted, site=site.name)
        return health if full or health.level != "Healthy" else None


def last_working(site: Site, kube: Kube) -> dict[Part, int]:
    """The revisions that users could last work with, by part; nothing where that was never seen.

    Safe to repeat: reads only.
    """
    noted = read_secret(kube, site.jupyterhub.namespace, VERIFIED_SECRET) or {}
    return {part: int(noted[_works(name)]) for part, name in RELEASES.items() if _works(name) in noted}


def _works(release: str) -> str:
    return f"{release}.works"


def hub_access(site: Site, kube: Kube) -> HubAccess:
    """How the check's own user comes in: by the form where the login is a dummy, else by the token of its service.

    Raises:
        RefusedError: the password or the token is not where it should be; the hint says what puts it there.
    """
    auth = site.jupyterhub.auth
    if isinstance(auth, DummyAuth):
        return HubAccess(user=CHECK_USER, password=resolve([auth.password])[str(auth.password)])
    token = (read_secret(kube, site.jupyterhub.namespace, TOKENS_SECRET) or {}).get("check")
    if token is None:
        where = f"{site.jupyterhub.namespace}/{TOKENS_SECRET}"
        raise RefusedError(f"there is no token of the check in Secret {where}", f"magnumhub provision {site.name}")
    return HubAccess(user=CHECK_USER, service_token=token)
