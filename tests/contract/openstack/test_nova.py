"""What Nova has before anything is made: versions, flavors, limits and quotas."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openstack.cloud import Project, Told
from tests.contract.openstack.comparable import by_type
from tests.contract.openstack.network import SOMETHING

FLAVORS = "/v2.1/flavors"
FIELDS = ("name", "ram", "vcpus", "disk", "description", "extra_specs")
CHOSEN = by_type(*[f"{of}.{field}" for of in ("flavor", "flavors[]") for field in FIELDS])
NUMBERS, DETAILS = by_type("limits.absolute.*", "quota_set.*"), by_type("quota_set.*.*")
UNKNOWN_VERSION = {"OpenStack-API-Version": "compute 2.999"}
AT = {"oldest": "compute 2.1", "sdk": "compute 2.56", "later": "compute 2.57"}
ROUTES = [
    ("GET", "/servers"),
    ("GET", "/servers/detail"),
    ("GET", f"/servers/{SOMETHING}"),
    ("GET", "/os-keypairs"),
    ("POST", "/os-keypairs"),
    ("GET", "/os-keypairs/contract-none"),
    ("DELETE", "/os-keypairs/contract-none"),
    ("GET", "/flavors"),
    ("GET", "/flavors/detail"),
    ("GET", f"/flavors/{SOMETHING}"),
    ("GET", f"/flavors/{SOMETHING}/os-extra_specs"),
    ("GET", "/limits"),
    ("GET", f"/os-quota-sets/{SOMETHING}"),
    ("GET", f"/os-quota-sets/{SOMETHING}/detail"),
]


def test_version(told: Told) -> None:
    """What a client negotiates from."""
    newest = by_type("version.version")
    versions = told.call("nova", "GET", "/", token="", comparable=by_type("versions[].version", "versions[].updated"))
    assert {"v2.0": "DEPRECATED", "v2.1": "CURRENT"}.items() <= {
        v["id"]: v["status"] for v in versions.body["versions"]
    }.items()
    for path in ("/v2.1", "/v2.1/"):
        version = told.call("nova", "GET", path, token="", comparable=newest).body["version"]
        assert (version["status"], version["min_version"]) == ("CURRENT", "2.1")
        assert tuple(map(int, version["version"].split("."))) >= (2, 100)


def test_version_is_told(told: Told) -> None:
    asked = [
        ("OpenStack-API-Version", "compute 2.56", "2.56"),
        ("OpenStack-API-Version", "network 2.56", "2.1"),
        ("X-OpenStack-Nova-API-Version", "2.57", "2.57"),
    ]
    for header, value, version in asked:
        answer = told.call("nova", "GET", f"{FLAVORS}/{SOMETHING}", headers={header: value})
        assert answer.headers["vary"] == "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
        assert answer.headers["x-openstack-nova-api-version"] == version


def test_version_that_there_is_not(told: Told) -> None:
    answer = told.call("nova", "GET", "/v2.1/limits", headers=UNKNOWN_VERSION, comparable=without_newest)
    for method, path in ROUTES:
        body = {} if method == "POST" else None
        refused = told.project.call("nova", method, f"/v2.1{path}", body, headers=UNKNOWN_VERSION)
        assert (refused.status, refused.body) == (406, answer.body)
    assert answer.headers["x-openstack-nova-api-version"] == "2.999"


def without_newest(body: Any) -> Any:
    words, _, _ = body["computeFault"]["message"].partition(" and maximum is")
    return {"computeFault": body["computeFault"] | {"message": words}}


@pytest.mark.parametrize("at", [1, 55, 61, 75])
def test_flavors(told: Told, at: int) -> None:
    headers = {"OpenStack-API-Version": f"compute 2.{at}"}

    def first(body: Any) -> Any:
        return {"flavors": CHOSEN(body)["flavors"][:1]}

    brief = told.call("nova", "GET", FLAVORS, headers=headers, comparable=first).body["flavors"]
    detail = told.call("nova", "GET", f"{FLAVORS}/detail", headers=headers, comparable=first).body["flavors"]
    assert [flavor["id"] for flavor in brief] == [flavor["id"] for flavor in detail]
    one = told.call("nova", "GET", f"{FLAVORS}/{brief[0]['id']}", headers=headers, comparable=CHOSEN).body["flavor"]
    assert one == detail[0]
    assert all(flavor["vcpus"] > 0 and flavor["ram"] > 0 for flavor in detail)


def test_flavor_pages(told: Told) -> None:
    every = told.project.call("nova", "GET", FLAVORS).body["flavors"]
    for path in (FLAVORS, f"{FLAVORS}/detail"):
        page = told.call("nova", "GET", path, query={"limit": "1"}, comparable=CHOSEN).body
        assert [link["rel"] for link in page["flavors_links"]] == ["next"]
        rest = told.project.call("nova", "GET", path, query={"marker": page["flavors"][0]["id"]}).body["flavors"]
        assert [page["flavors"][0]["id"], *(flavor["id"] for flavor in rest)] == [flavor["id"] for flavor in every]
        assert told.call("nova", "GET", path, query={"marker": SOMETHING}).status == 400
        assert told.call("nova", "GET", path, query={"limit": "x"}).status == 400


def test_flavor_missing(told: Told) -> None:
    for path in (SOMETHING, "nonsense", f"{SOMETHING}/os-extra_specs"):
        assert told.call("nova", "GET", f"{FLAVORS}/{path}").status == 404


def test_extra_specs(told: Told) -> None:
    flavor = told.project.call("nova", "GET", FLAVORS).body["flavors"][0]
    comparable = by_type("extra_specs")
    answer = told.call("nova", "GET", f"{FLAVORS}/{flavor['id']}/os-extra_specs", comparable=comparable)
    assert answer.status == 200


@pytest.mark.parametrize("at", AT)
def test_quotas(told: Told, at: str) -> None:
    path = f"/v2.1/os-quota-sets/{told.project.project_id}"
    headers = {"OpenStack-API-Version": AT[at]}
    limits = told.call("nova", "GET", "/v2.1/limits", headers=headers, comparable=NUMBERS).body["limits"]["absolute"]
    quotas = told.call("nova", "GET", path, headers=headers, comparable=NUMBERS).body["quota_set"]
    detail = told.call("nova", "GET", f"{path}/detail", headers=headers, comparable=DETAILS).body["quota_set"]
    assert quotas.pop("id") == detail.pop("id") == told.project.project_id
    assert {name: told_of["limit"] for name, told_of in detail.items()} == quotas
    known = {"maxTotalInstances": "instances", "maxTotalCores": "cores", "maxTotalRAMSize": "ram"}
    assert {limit: limits[limit] for limit in known} == {limit: quotas[name] for limit, name in known.items()}


def test_quotas_of_others(told: Told, other: Project) -> None:
    path = f"/v2.1/os-quota-sets/{other.project_id}"
    assert told.call("nova", "GET", path).status == 403
    assert told.call("nova", "GET", f"{path}/detail").status == 403
