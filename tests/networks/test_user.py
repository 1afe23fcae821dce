"""User-mode networking: the rules that QEMU is given."""

from __future__ import annotations

import ipaddress

import pytest

from bootwright.errors import InputError
from bootwright.networks import user
from bootwright.networks.user import Forward


def test_netdev_without_forwards_listens_nowhere() -> None:
    assert user.netdev(()) == "user,id=net"


def test_netdev_forwards_listen_on_loopback_only() -> None:
    forwards = (Forward(host_port=0, guest_port=22), Forward(host_port=8080, guest_port=80))
    assert user.netdev(forwards) == (
        "user,id=net,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:8080-:80"
    )


@pytest.mark.parametrize(("host", "guest"), [(0, 1), (65535, 65535), (8080, 80)])
def test_forward_accepts_valid_ports(host: int, guest: int) -> None:
    assert Forward(host_port=host, guest_port=guest).guest_port == guest


@pytest.mark.parametrize(("host", "guest"), [(-1, 80), (65536, 80), (80, 0), (80, 65536)])
def test_forward_refuses_invalid_ports(host: int, guest: int) -> None:
    with pytest.raises(InputError) as bad:
        Forward(host_port=host, guest_port=guest)
    assert str(bad.value) == f"{host}:{guest} is not a pair of ports"
    assert bad.value.hint == "ports are 1 to 65535, such as --publish 8080:80"


def test_user_network_holds_gateway_and_resolver() -> None:
    network = ipaddress.ip_interface(user.ADDRESS).network
    assert ipaddress.ip_address(user.GATEWAY) in network
    assert ipaddress.ip_address(user.RESOLVER) in network
