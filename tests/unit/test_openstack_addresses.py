from __future__ import annotations

from dataclasses import replace

import pytest

from magnumhub.domain.errors import NotOursError, RefusedError
from magnumhub.domain.results import FloatingIP
from magnumhub.openstack.addresses import Choice, Seen, choose, elder_twin
from magnumhub.openstack.floating_ips import what_serves
from magnumhub.openstack.marks import Mark

FREE = Seen(id="1", address="128.232.227.1", network_id="public", created_at="2026-11-25T10:00:00Z")
HUB = Mark("iris-cam", "jupyterhub", "allocated")
OURS = replace(FREE, id="2", address="128.232.227.2", mark=HUB, tagged=True)
USED = replace(FREE, id="3", address="128.232.227.3", port_id="p3", serves="server web")


def hub(*seen: Seen, wanted: str = "auto") -> Choice:
    return choose(seen, site="iris-cam", role="jupyterhub", wanted=wanted, network_id="public")


def test_without_an_address_of_ours_one_is_allocated_and_nobody_elses_is_taken() -> None:
    other_site = replace(OURS, mark=Mark("other", "jupyterhub", "allocated"))
    other_role = replace(OURS, mark=Mark("iris-cam", "master", "allocated"))
    assert hub(FREE, USED, other_site, other_role) == Choice(None, HUB)


def test_the_marked_address_is_used_again() -> None:
    assert hub(FREE, OURS) == Choice(OURS, HUB)


def test_the_firewalls_state_is_not_forgotten() -> None:
    asked = replace(OURS, mark=replace(HUB, firewall="asked"))
    assert hub(asked).mark.firewall == "asked"


def test_of_two_marked_addresses_the_one_that_serves_is_used_then_the_elder() -> None:
    younger = replace(OURS, id="9", created_at="2026-11-25T10:00:01Z")
    assert hub(younger, OURS).use == OURS
    serving = replace(younger, port_id="vip")
    assert hub(OURS, serving).use == serving


def test_of_two_marked_addresses_the_other_is_given_back_where_it_was_allocated_and_serves_nothing() -> None:
    younger = replace(OURS, id="9", created_at="2026-11-25T10:00:01Z")
    assert hub(younger, OURS, FREE, USED).left == (younger,)
    assert hub(replace(younger, mark=Mark("iris-cam", "jupyterhub", "given")), OURS).left == ()
    assert hub(replace(younger, mark=Mark("iris-cam", "master", "allocated")), OURS).left == ()
    assert hub(replace(younger, port_id="vip"), replace(OURS, port_id="p2")).left == ()


def test_a_given_address_is_marked_as_given() -> None:
    assert hub(FREE, wanted=FREE.address) == Choice(FREE, Mark("iris-cam", "jupyterhub", "given"))


def test_a_given_address_takes_the_role_and_the_former_one_becomes_spare() -> None:
    choice = hub(FREE, OURS, wanted=FREE.address)
    assert (choice.use, choice.retired) == (FREE, (OURS,))


def test_a_given_address_that_serves_the_hub_already_is_kept() -> None:
    serving = replace(OURS, port_id="vip", serves="load balancer kube_service_x_jhub_proxy-public")
    assert hub(serving, wanted=OURS.address) == Choice(serving, HUB)


def test_a_spare_address_keeps_its_origin_when_it_is_given_a_role() -> None:
    spare = replace(OURS, mark=Mark("iris-cam", "spare", "allocated"))
    assert hub(spare, wanted=OURS.address).mark == HUB


@pytest.mark.parametrize(
    ("seen", "kind", "says"),
    [
        (FREE, RefusedError, "9.9.9.9 is not a floating IP of this project"),
        (replace(FREE, address="9.9.9.9", network_id="other"), RefusedError, "not on the site's external network"),
        (replace(USED, address="9.9.9.9"), NotOursError, "9.9.9.9 serves server web"),
        (
            replace(FREE, address="9.9.9.9", mark=Mark("iris-ox", "jupyterhub", "given")),
            NotOursError,
            "belongs to site 'iris-ox' as its jupyterhub address",
        ),
        (
            replace(FREE, address="9.9.9.9", mark=Mark("iris-cam", "master", "given")),
            RefusedError,
            "is this site's master address already",
        ),
    ],
)
def test_a_given_address_is_refused(seen: Seen, kind: type[RefusedError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        hub(seen, wanted="9.9.9.9")
    assert caught.value.message.startswith("network.floating_ips.jupyterhub: ")
    assert caught.value.hint


def allocated(id: str) -> FloatingIP:
    return FloatingIP(id=id, address="128.232.227.2", role="jupyterhub", origin="allocated", action="created")


def test_two_first_runs_agree_on_the_address_that_stays() -> None:
    # Neutron's clock has whole seconds: within one, the ids decide.
    a, b = replace(OURS, id="a"), replace(OURS, id="b")
    assert elder_twin((a, b), site="iris-cam", mine=allocated("b")) == a
    assert elder_twin((a, b), site="iris-cam", mine=allocated("a")) is None


def test_an_address_without_a_twin_stays() -> None:
    given = replace(OURS, id="0", mark=Mark("iris-cam", "jupyterhub", "given"))
    assert elder_twin((OURS, given, USED), site="iris-cam", mine=allocated("2")) is None


@pytest.mark.parametrize(
    ("owner", "device", "name", "words"),
    [
        ("compute:nova", "s1", "", "server web"),
        ("compute:nova", "s2", "", "server s2"),
        (
            "Octavia",
            "lb-1",
            "octavia-lb-kube_service_u_jhub_proxy-public",
            "load balancer kube_service_u_jhub_proxy-public",
        ),
        ("network:router_interface", "r1", "", "port r1 of network:router_interface"),
        ("", "", "", "port without a name"),
    ],
)
def test_what_an_address_serves_in_words(owner: str, device: str, name: str, words: str) -> None:
    assert what_serves(owner, device, name, {"s1": "web"}) == words
