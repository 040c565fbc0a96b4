"""The site file: what it may say, how it is found, and what stays out of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from magnumhub.domain.errors import InputError
from magnumhub.domain.schema import SCHEMA_FILE, site_schema
from magnumhub.domain.spec import DummyAuth, DynamicStorage, HttpsOff, OidcAuth, SecretRef, Site
from magnumhub.domain.spec_file import load_site, parse_site, site_names

MINIMAL = """\
name: small
cloud: iris
project: iris-jupyter
cluster: {keypair: default}
helm: {version: 4.1.4, source: upload}
image: {name: pangeo/pangeo-notebook, tag: 2026-10-02}
jupyterhub:
  https: {kind: off}
  auth: {kind: dummy, password: {env: HUB_PASSWORD}, allow: all}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_with_every_key_is_a_site() -> None:
    site = load_site("deployments/example-site.yaml")

    assert site.name == "iris-cam"
    assert site.network.floating_ips.dask_gateway == "128.232.227.222"
    assert isinstance(site.storage, DynamicStorage) and site.storage.storage_class == "default"
    assert isinstance(site.jupyterhub.auth, OidcAuth)
    assert site.jupyterhub.auth.client_secret == SecretRef(env="IRIS_OIDC_SECRET")
    assert site.limits_s.notebook == 360


def test_the_example_is_no_site_of_its_own() -> None:
    assert "example-site" not in site_names(Path("deployments/sites"))


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, "small", MINIMAL))

    assert site.cluster.template == "latest"
    assert (site.cluster.master_count, site.cluster.node_count, site.cluster.docker_volume_size_gib) == (1, 1, 20)
    assert site.network.floating_ips.model_dump() == {"master": "auto", "jupyterhub": "auto", "dask_gateway": "auto"}
    assert site.dask_gateway.worker.per_cluster_max == 20
    assert site.health.model_dump() == {
        "cron": "0 4 * * *",
        "timezone": "UTC",
        "workers": 5,
        "array_size": 10000,
        "chunk": 500,
    }


def test_off_and_dates_are_text_as_they_are_meant(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, "small", MINIMAL))

    assert isinstance(site.jupyterhub.https, HttpsOff)
    assert site.image.reference == "pangeo/pangeo-notebook:2026-10-02"


def test_a_name_is_looked_up_in_the_folder_of_sites(tmp_path: Path) -> None:
    write(tmp_path, "small", MINIMAL)

    assert load_site("small", sites_dir=tmp_path).name == "small"
    assert site_names(tmp_path) == ["small"]


def test_only_in_the_folder_of_sites_the_file_must_be_called_like_the_site(tmp_path: Path) -> None:
    path = write(tmp_path, "another", MINIMAL)

    assert load_site(path).name == "small"
    with pytest.raises(InputError) as refused:
        load_site("another", sites_dir=tmp_path)
    assert [problem.field for problem in refused.value.problems] == ["name"]


def test_a_site_survives_being_stored_as_json() -> None:
    site = load_site("deployments/example-site.yaml")

    stored = json.loads(json.dumps(site.model_dump(mode="json")))

    assert stored["storage"]["class"] == "default"
    assert Site.model_validate(stored) == site
    assert parse_site(stored) == site


def test_a_secret_reference_says_where_and_nothing_else(tmp_path: Path) -> None:
    auth = load_site(write(tmp_path, "small", MINIMAL)).jupyterhub.auth

    assert isinstance(auth, DummyAuth)
    assert str(auth.password) == "env:HUB_PASSWORD"


def test_magnum_labels_are_text() -> None:
    site = parse_site(
        {
            "name": "small",
            "cloud": "iris",
            "project": "p",
            "cluster": {
                "keypair": "k",
                "labels": {"cinder_csi_enabled": True, "boot_volume_size": 50, "kube_tag": "v1"},
            },
            "helm": {"version": "4.1.4", "source": "upload"},
            "image": {"name": "a/b", "tag": "1"},
            "jupyterhub": {"auth": {"kind": "dummy", "password": {"file": "~/p"}, "allow": ["ann"]}},
        }
    )

    assert site.cluster.magnum_labels() == {"cinder_csi_enabled": "true", "boot_volume_size": "50", "kube_tag": "v1"}


def test_every_field_is_described() -> None:
    schema = json.loads(site_schema())

    models = {"Site": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, field in model.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert bare == []


def test_the_schema_that_editors_use_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == site_schema(), "run python -m magnumhub.domain.schema"
