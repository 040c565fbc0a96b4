"""A first site file for a cloud that was looked at: what was found, as choices and as comments."""

from __future__ import annotations

from collections.abc import Iterable

from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.facts import CloudFacts, Quota
from magnumhub.domain.templates import TemplateChoice, choose_template

_NOT_SEEN = "could not be seen"


def draft_site(name: str, cloud: str, facts: CloudFacts) -> str:
    """The text of deployments/sites/NAME.yaml: valid but for what only a person knows, which is marked FILL IN.

    Args:
        cloud: as in the site's `cloud`, an entry of clouds.yaml or block:NAME.
    """
    network = facts.external_networks[0].name if facts.external_networks else "public"
    keypair = facts.keypairs[0] if facts.keypairs else "FILL IN"
    return f"""\
# yaml-language-server: $schema=../site.schema.json
# Written after a look at {cloud}. What is left to you is marked FILL IN; deployments/example-site.yaml has every key.
name: {name}
cloud: {cloud}
project: {facts.project.name}

cluster:
  # Templates: {_listed(t.name for t in facts.templates) if facts.templates is not None else _NOT_SEEN}.
  # latest is {_latest(facts)}.
  template: latest
  # Keypairs: {_listed(facts.keypairs)}. Its private key is `access.ssh_key`.
  keypair: {keypair}
  master_count: 1
  node_count: 2
  # Flavors: {_flavors(facts)}.
  node_flavor: null                  # the template's
  docker_volume_size_gib: 20
  # Free in the project: {_quotas(facts.quotas)}.

network:
  # External networks: {_listed(n.name for n in facts.external_networks) if facts.external_networks else _NOT_SEEN}.
  external_network: {network}
  floating_ips: {{master: auto, jupyterhub: auto, dask_gateway: auto}}
  ingress: {{approval: open}}          # ask: a person has to open the firewall; then request_to says whom to ask
  load_balancers: {_load_balancers(facts)}

access:
  ssh_key: ~/.ssh/{keypair}.pem      # FILL IN: the private key of the keypair

storage: {{kind: dynamic, home_gib: 10}}

helm:
  version: 4.1.4
  sha256: null                       # FILL IN: of helm-v4.1.4-linux-amd64.tar.gz, as published at get.helm.sh

image: {{name: pangeo/pangeo-notebook, tag: FILL-IN}}   # notebooks, Dask schedulers and workers: one image

jupyterhub:
  auth:
    kind: dummy                      # for a first try only: oidc and github are in the example
    password: {{env: {name.upper().replace("-", "_")}_PASSWORD}}
    allow: all
"""


def _latest(facts: CloudFacts) -> str:
    try:
        choice: TemplateChoice = choose_template(facts.templates or ())
    except MagnumhubError as error:
        return f"not possible yet: {error.message}"
    return f"{choice.name} today: {choice.reason}"


def _flavors(facts: CloudFacts) -> str:
    if facts.flavors is None:
        return _NOT_SEEN
    return _listed(f"{f.name} ({f.vcpus} vCPU, {f.ram_mib // 1024} GiB)" for f in facts.flavors)


def _quotas(quotas: dict[str, Quota]) -> str:
    free = (f"{quota.free} {name}" for name, quota in quotas.items() if quota.free is not None)
    return _listed(free) if quotas else _NOT_SEEN


def _load_balancers(facts: CloudFacts) -> str:
    if facts.services is None or "load-balancer" in facts.services:
        return "auto"
    return "external              # the catalog has no load-balancer service: the cluster must bring a controller"


def _listed(names: Iterable[str] | None) -> str:
    if names is None:
        return _NOT_SEEN
    return ", ".join(names) or "none"
