"""What is installed on a site's cluster beside what is wanted there: what a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from blocks.cloud import Cloud
from magnumhub.domain.facts import CloudFacts
from magnumhub.domain.needs import address_of, our_clusters
from magnumhub.domain.nodes import NodesSeen, nodes_row
from magnumhub.domain.overrides import Override
from magnumhub.domain.plan_rows import Moves, ReleaseFacts, SiteInside, release_facts, unjudged
from magnumhub.domain.results import MagnumCluster, Part, Report
from magnumhub.domain.spec import DynamicStorage, Site
from magnumhub.domain.wiring import RELEASES, Tokens, public_services
from magnumhub.kube.nodes import node_loads
from magnumhub.kube.readiness import kubernetes_version
from magnumhub.kube.releases import Record, installed_records
from magnumhub.kube.secrets import read_secret
from magnumhub.kube.services import exists
from magnumhub.kube.storage import StorageDecision, observe_storage
from magnumhub.openstack import clusters
from magnumhub.remote.session import Reached
from tasks.charts import archives_of, by_part, chosen_charts
from tasks.inside import look_into
from tasks.overrides import read_overrides
from tasks.values import TOKENS_SECRET, composed_values

_YET_TO_COME = "(a new one)"


@dataclass(frozen=True)
class Inside:
    """What the cluster says; the records and the tokens are secret. missing: Services that users come by and that are
    not there."""

    kubernetes_version: str
    nodes: NodesSeen
    records: Sequence[Record]
    overrides: tuple[Override, ...]
    storage: StorageDecision | None
    missing: frozenset[Part]
    tokens: Mapping[str, str] = field(repr=False)


def look_inside(site: Site, cloud: Cloud, facts: CloudFacts, report: Report) -> tuple[Inside | None, str]:
    """What the cluster says; None where there is none, or it could not be looked into: then with the reason.

    Safe to repeat: reads only.
    """
    if not our_clusters(facts.magnum_clusters):
        return None, ""
    found = clusters.find(cloud.magnum, site.name)
    if found is None:
        return None, "the cluster is gone"
    return look_into(site, cloud, found, partial(_inside, site, found), report)


def _inside(site: Site, magnum_cluster: MagnumCluster, there: Reached) -> Inside:
    kube, namespace = there.kube, site.jupyterhub.namespace
    return Inside(
        kubernetes_version=kubernetes_version(kube),
        nodes=NodesSeen(magnum_cluster, node_loads(kube)),
        records=installed_records(kube),
        overrides=read_overrides(site, kube),
        storage=observe_storage(kube, site.storage) if isinstance(site.storage, DynamicStorage) else None,
        missing=frozenset(
            part for part, service in public_services(site).items() if not exists(kube, service.namespace, service.name)
        ),
        tokens=read_secret(kube, namespace, TOKENS_SECRET) or {},
    )


def compared(site: Site, facts: CloudFacts, inside: Inside | None, moves: Moves, *, is_possible: bool) -> SiteInside:
    """What is installed beside what is wanted.

    Safe to repeat: reads the charts' repositories only.

    Args:
        is_possible: nothing stands in the way, so that there are charts to compare with.
    """
    if inside is None:
        return SiteInside()
    ours = {part: _record(site, part, inside.records) for part in RELEASES}
    installed = {part: record for part, record in ours.items() if record is not None}
    storage = inside.storage or StorageDecision("use")
    releases: dict[Part, ReleaseFacts] = {}
    if installed and is_possible:
        chosen = chosen_charts(
            site,
            {record.release.name: record.release.version for record in installed.values()},
            facts.kubernetes_version,
        )
        tokens = Tokens(
            gateway=inside.tokens.get("gateway", _YET_TO_COME), check=inside.tokens.get("check", _YET_TO_COME)
        )
        archives = archives_of(site, by_part(chosen))
        values = composed_values(site, _addresses(site, facts, moves), archives, storage.name or None, tokens)
        releases = {
            part: release_facts(
                record.release,
                record.values,
                wanted_version=archives[part].version,
                wanted_app=archives[part].app_version or "",
                wanted_values=getattr(values, part),
                secrets=values.secrets,
                is_whole=part not in inside.missing,
            )
            for part, record in installed.items()
        }
    elif installed:
        releases = {part: unjudged(record.release) for part, record in installed.items()}
    return SiteInside(
        storage=storage.step,
        storage_reason=storage.reason,
        releases=releases,
        nodes=nodes_row(site, inside.nodes),
    )


def _record(site: Site, part: Part, records: Sequence[Record]) -> Record | None:
    where = RELEASES[part], getattr(site, part).namespace
    return next((record for record in records if (record.release.name, record.release.namespace) == where), None)


def _addresses(site: Site, facts: CloudFacts, moves: Moves) -> dict[str, str | None]:
    """What the Services will ask for."""
    addresses: dict[str, str | None] = {}
    for part in RELEASES:
        if getattr(site.network.floating_ips, part) == "none":
            addresses[part] = None
            continue
        has = address_of(site, part, facts.floating_ips)
        wish = moves.wishes.get(part, "keep")
        asked = (has.address if has else _YET_TO_COME) if wish == "keep" else wish
        addresses[part] = _YET_TO_COME if asked == "fresh" else asked
    return addresses
