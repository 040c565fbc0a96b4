"""The site file that `init` writes: what was seen is in it, and what only a person knows is refused until told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from magnumhub.domain.draft import FILL_IN, draft_site
from magnumhub.domain.errors import InputError
from magnumhub.domain.facts import CloudFacts, Flavor, Named, ProjectFacts, Quota
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import check_site_name, load_site
from magnumhub.domain.templates import Template

HEAT = Template(uuid="t-1", name="k8s-1.31", kubernetes_version="1.31.1", driver="heat", flavor="m1.large")
CAPI = Template(uuid="t-2", name="capi-1.33", kubernetes_version="1.33.1", driver="capi", external_network="n-2")
FACTS = CloudFacts(
    project=ProjectFacts(id="p", name="iris-jupyter"),
    services=("container-infra", "load-balancer"),
    quotas={"floating_ips": Quota(used=3, limit=5), "cores": Quota(used=10, limit=-1)},
    templates=(HEAT,),
    keypairs=("ops",),
    external_networks=(Named(id="n-1", name="public"),),
    flavors=(Flavor(id="f", name="m1.large", vcpus=8, ram_mib=16384, disk_gib=80),),
)
ANSWERS = {"sha256: null": f"sha256: {'a' * 64}", "tag: null": "tag: 2026.10.02", "keypair: null": "keypair: mine"}


def drafted(**seen: Any) -> str:
    return draft_site("iris-cam", "iris", FACTS.model_copy(update=seen))


def filled_in(text: str, folder: Path) -> Site:
    for asked, answer in ANSWERS.items():
        text = text.replace(asked, answer)
    file = folder / "iris-cam.yaml"
    file.write_text(text)
    return load_site(file)


def test_what_was_seen_is_in_it(tmp_path: Path) -> None:
    text = drafted()
    for line in (
        "# Templates: k8s-1.31 (Kubernetes 1.31.1)",
        "# latest today: k8s-1.31, the newest of 1",
        "# Keypairs: ops",
        "# Flavors: m1.large (8 vCPU, 16 GiB)",
        "# Free in the project: 2 floating ips",
        "# External networks: public",
        "# the template's: m1.large",
    ):
        assert line in text
    site = filled_in(text, tmp_path)
    assert (site.name, site.cloud, site.project) == ("iris-cam", "iris", "iris-jupyter")
    assert (site.cluster.keypair, site.access.ssh_key) == ("ops", "~/.ssh/ops.pem")
    assert site.network.external_network == "public"
    assert site.network.floating_ips.master == "auto"


def test_what_is_left_to_fill_in_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "iris-cam.yaml"
    text = drafted(keypairs=("one", "other"))
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        load_site(file)
    assert {problem.field for problem in refused.value.problems} == {"cluster.keypair", "helm.sha256", "image.tag"}
    assert sum(f"# {FILL_IN}" in line for line in text.splitlines()) == 3


def test_cluster_api_has_no_master_to_log_in_to(tmp_path: Path) -> None:
    networks = (Named(id="n-1", name="public"), Named(id="n-2", name="campus"))
    site = filled_in(drafted(templates=(CAPI,), external_networks=networks), tmp_path)
    assert site.network.floating_ips.master == "none"
    assert site.network.external_network == "campus", "the template's own"
    assert site.access.ssh_key is None


def test_names_that_look_like_something_else_stay_text(tmp_path: Path) -> None:
    odd = {"project": ProjectFacts(id="p", name="2024"), "keypairs": ("yes: #1",)}
    site = filled_in(drafted(**odd), tmp_path)
    assert (site.project, site.cluster.keypair) == ("2024", "yes: #1")


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"templates": None}, "# Templates: could not be seen"),
        ({"templates": ()}, "# latest today: not possible: the project has no cluster template"),
        ({"keypairs": ()}, f"keypair: null  # {FILL_IN}"),
        ({"external_networks": None}, f"external_network: null  # {FILL_IN}"),
        ({"services": ("container-infra",)}, "load_balancers: external"),
        ({"quotas": {}}, "# Free in the project: could not be seen"),
        ({"quotas": {"cores": Quota(used=1, limit=-1)}}, "# Free in the project: no limits"),
    ],
)
def test_what_is_missing_is_told(seen: dict[str, Any], told: str) -> None:
    text = drafted(**seen)
    assert told in text
    assert yaml.safe_load(text)["name"] == "iris-cam"


@pytest.mark.parametrize("name", ["Iris", "iris_cam", "-iris", "1ris", "", "i" * 41])
def test_a_name_that_no_site_can_have(name: str) -> None:
    with pytest.raises(InputError, match="lowercase letters, digits and dashes"):
        check_site_name(name)
