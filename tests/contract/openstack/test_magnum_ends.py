"""How clusters end: one that cannot be made, one that is deleted."""

from __future__ import annotations

import pytest

from tests.contract.openstack.cloud import Project, Told, poll
from tests.contract.openstack.magnum_side import CLUSTERS, LATER, Built, Magnum

DOOMED = "contract-doomed"


@pytest.fixture
def names(magnum_names: dict[str, str]) -> dict[str, str]:
    return magnum_names


def test_failed(told: Told, magnum: Magnum) -> None:
    """Its keypair vanishes between the request and the servers, so that Nova refuses them."""
    project = magnum.project
    assert project.call("nova", "POST", "/v2.1/os-keypairs", {"keypair": {"name": DOOMED}}).status == 200
    uuid = magnum.create(name="contract-failed", keypair=DOOMED)
    assert project.call("nova", "DELETE", f"/v2.1/os-keypairs/{DOOMED}").status in (202, 204)
    magnum.until(uuid, lambda seen: seen["status"] != "CREATE_IN_PROGRESS", f"{uuid} has failed")
    cluster = told.call("magnum", "GET", f"{CLUSTERS}/{uuid}", comparable=magnum.comparable).body
    assert cluster["status"] == "CREATE_FAILED"
    assert "Invalid key_name provided" in cluster["status_reason"]
    assert isinstance(cluster["faults"], dict)
    assert (cluster["api_address"], cluster["master_addresses"]) == (None, [])


def test_by_application_credential(told: Told, magnum: Magnum, appcred: Project) -> None:
    """The request is taken; what comes of it is the driver's business, as the trust is made by the driver."""
    answer = told.call("magnum", "POST", CLUSTERS, magnum.wanted(name="contract-appcred"), of=appcred, headers=LATER)
    assert answer.status == 202
    uuid = answer.body["uuid"]
    seen = magnum.until(uuid, lambda seen: seen["master_count"], f"{uuid} is there")
    magnum.delete(uuid)
    magnum.gone(uuid)
    assert seen["user_id"] == magnum.project.connection.current_user_id


def test_deleted(told: Told, magnum: Magnum, built: Built) -> None:
    """204 as often as one asks, the status follows; then 404."""
    uuid = built.plain
    magnum.complete(uuid)
    path = f"{CLUSTERS}/{uuid}"
    for _ in range(2):
        assert told.call("magnum", "DELETE", path).status == 204
    seen = []

    def gone() -> bool | None:
        answer = magnum.project.call("magnum", "GET", path)
        seen.append(answer.body["status"] if answer.status == 200 else answer.status)
        return answer.status == 404 or None

    poll(gone, f"{uuid} is gone", 300)
    assert "DELETE_IN_PROGRESS" in seen
    assert set(seen) <= {"CREATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE", 400, 404}
    assert told.call("magnum", "GET", path).status == 404
    assert told.call("magnum", "DELETE", path).status == 404
