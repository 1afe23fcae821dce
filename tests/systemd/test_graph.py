"""The unit graph of images made here; real images are compared with systemd in tests/boots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.digest import Digest
from bootwright.images.files import Files, Link
from bootwright.systemd import graph
from bootwright.systemd.graph import Graph
from bootwright.systemd.implied import Kind
from bootwright.trims import trim
from tests.inits.samples import ETC, LIB, graph_of


def _targets(found: Graph, unit: str, kind: Kind) -> set[str]:
    return {edge.target for edge in found.edges_from(unit, (kind,))}


def _warnings(found: Graph) -> list[str]:
    return [f"{warning.place} {warning.text}" for warning in found.warnings]


def test_graph_of_a_valid_system_has_no_warning() -> None:
    found = graph_of({})
    assert found.warnings == ()
    assert found.real_name("default.target") == "graphical.target"
    assert {"sysinit.target", "local-fs.target"} <= set(found.started_by())


def test_graph_prefers_etc_to_lib_and_adds_drop_ins() -> None:
    found = graph_of(
        {
            f"{LIB}/a.service": "[Unit]\nWants=old.service\n",
            f"{ETC}/a.service": "[Unit]\nWants=b.service\n",
            f"{LIB}/a.service.d/10.conf": "[Unit]\nWants=c.service\n",
            f"{LIB}/service.d/10.conf": "[Unit]\nWants=hidden-by-the-same-name.service\n",
            f"{LIB}/service.d/20.conf": "[Unit]\nRequires=d.service\n",
            f"{ETC}/a.service.d/30.conf": Link("/dev/null"),
            f"{LIB}/a.service.d/30.conf": "[Unit]\nWants=masked.service\n",
        }
    )
    assert found.units["a.service"].path == f"{ETC}/a.service"
    assert _targets(found, "a.service", "Wants") == {"b.service", "c.service"}
    assert "d.service" in _targets(found, "a.service", "Requires")
    assert found.units["b.service"].state == "missing"


@pytest.mark.parametrize("mask", [Link("/dev/null"), Link("../../../dev/null"), b""])
def test_graph_masks_are_links_to_null_and_empty_files(mask: Link | bytes) -> None:
    found = graph_of(
        {
            f"{LIB}/a.service": "[Unit]\nWants=b.service\n",
            f"{ETC}/a.service": mask,
            f"{ETC}/multi-user.target.wants/a.service": Link(f"{LIB}/a.service"),
        }
    )
    assert found.units["a.service"].state == "masked"
    assert found.units["a.service"].edges == ()
    assert "a.service" in found.started_by()


def test_graph_ignores_wants_links_to_masked_units() -> None:
    found = graph_of(
        {
            f"{LIB}/a.service": "[Unit]\n",
            f"{LIB}/multi-user.target.wants/a.service": Link("../a.service"),
            f"{ETC}/multi-user.target.wants/a.service": Link("/dev/null"),
        }
    )
    assert "a.service" not in found.started_by()


def test_graph_merges_aliases() -> None:
    found = graph_of(
        {
            f"{LIB}/ssh.service": "[Service]\nExecStart=/bin/true\n",
            f"{ETC}/sshd.service": Link("/lib/systemd/system/ssh.service"),
            f"{LIB}/sshd.service.wants/keys.service": Link("../keys.service"),
            f"{LIB}/keys.service": "[Service]\n",
            f"{LIB}/x.service": "[Unit]\nRequires=sshd.service\n",
        }
    )
    assert found.aliases["sshd.service"] == "ssh.service"
    assert "ssh.service" in _targets(found, "x.service", "Requires")
    assert "keys.service" in _targets(found, "ssh.service", "Wants")
    assert found.matching("sshd*") == ["ssh.service"]


def test_graph_makes_instances_of_templates() -> None:
    found = graph_of(
        {
            f"{LIB}/my-getty@.service": "[Unit]\nBindsTo=dev-%i.device\n",
            f"{LIB}/autovt@.service": Link("my-getty@.service"),
            f"{ETC}/multi-user.target.wants/autovt@tty1.service": Link(f"{LIB}/autovt@.service"),
            f"{LIB}/my-getty@.service.d/a.conf": "[Unit]\nWants=%p.target\n",
        }
    )
    assert _targets(found, "multi-user.target", "Wants") == {"my-getty@tty1.service"}
    assert _targets(found, "my-getty@tty1.service", "BindsTo") == {"dev-tty1.device"}
    assert _targets(found, "my-getty@tty1.service", "Wants") == {"my-getty.target"}
    assert r"system-my\x2dgetty.slice" in _targets(found, "my-getty@tty1.service", "Requires")
    assert found.units["dev-tty1.device"].state == "implicit"
    assert found.matching("autovt*") == ["my-getty@tty1.service"]
    assert found.matching("autovt@.service") == []


def test_graph_sockets_timers_and_paths_trigger_their_services() -> None:
    found = graph_of(
        {
            f"{LIB}/a.socket": "[Socket]\nListenStream=1\n",
            f"{LIB}/b.socket": "[Socket]\nService=a.service\n",
            f"{LIB}/each.socket": "[Socket]\nAccept=yes\n",
            f"{LIB}/a.service": "[Service]\nSockets=a.socket b.socket\n",
            f"{LIB}/c.timer": "[Timer]\nUnit=a.service\n",
            f"{LIB}/a.path": "[Path]\n",
        }
    )
    starters = {edge.source for edge in found.edges_to("a.service", ("Triggers",))}
    assert starters == {"a.socket", "b.socket", "c.timer", "a.path"}
    assert _targets(found, "each.socket", "Triggers") == set()
    assert _targets(found, "a.service", "Wants") == {"a.socket", "b.socket"}


def test_graph_without_default_dependencies() -> None:
    found = graph_of(
        {
            f"{LIB}/a.service": "[Service]\n",
            f"{LIB}/b.service": "[Unit]\nDefaultDependencies=no\n[Service]\nSlice=x-y.slice\n",
            f"{LIB}/c.service": "[Service]\nBusName=org.c\n",
        }
    )
    assert _targets(found, "a.service", "Requires") == {"sysinit.target", "system.slice"}
    assert _targets(found, "a.service", "Conflicts") == {"shutdown.target"}
    assert _targets(found, "b.service", "Requires") == {"x-y.slice"}
    assert _targets(found, "x-y.slice", "Requires") == {"x.slice"}
    assert "dbus.socket" in _targets(found, "c.service", "Requires")


def test_graph_requires_mounts_for_paths() -> None:
    found = graph_of(
        {
            f"{LIB}/var-lib.mount": "[Mount]\nWhat=/dev/vdb\nWhere=/var/lib\n",
            f"{LIB}/a.service": "[Service]\nStateDirectory=a\n",
            f"{LIB}/b.service": "[Unit]\nRequiresMountsFor=/var\n",
        }
    )
    assert "var-lib.mount" in _targets(found, "a.service", "Requires")
    assert "var-lib.mount" not in _targets(found, "b.service", "Requires")


def test_graph_includes_units_of_known_generators() -> None:
    found = graph_of(
        {
            "/usr/lib/systemd/system-generators/systemd-fstab-generator": "ELF",
            "/usr/lib/systemd/system-generators/systemd-getty-generator": "ELF",
            "/usr/lib/systemd/system-generators/systemd-sysv-generator": "ELF",
            "/usr/lib/systemd/system-generators/systemd-masked-generator": "ELF",
            "/etc/systemd/system-generators/systemd-masked-generator": Link("/dev/null"),
            f"{LIB}/getty.target": "[Unit]\n",
            f"{LIB}/serial-getty@.service": "[Service]\n",
            "/etc/fstab": "UUID=ab-c /data\\040x ext4 defaults 0 2\n# no\n/swap none swap nofail\n"
            "/dev/vda / ext4 rw\nbad line\n",
            "/etc/init.d/old": "#!/bin/sh\n",
            "/etc/init.d/ssh": "#!/bin/sh\n",
            "/etc/rc2.d/S01old": Link("../init.d/old"),
            "/etc/rc3.d/S01ssh": Link("../init.d/ssh"),
            f"{LIB}/ssh.service": "[Service]\n",
        }
    )
    assert "serial-getty@ttyS0.service" in _targets(found, "getty.target", "Wants")
    assert _targets(found, "local-fs.target", "Requires") == {r"data\x20x.mount", "-.mount"}
    assert r"dev-disk-by\x2duuid-ab\x2dc.device" in _targets(found, r"data\x20x.mount", "BindsTo")
    assert "swap.swap" in _targets(found, "swap.target", "Wants")
    assert "old.service" in _targets(found, "multi-user.target", "Wants")
    assert "ssh.service" not in found.started_by(), "the script's unit is there, and not enabled"
    assert "systemd-masked-generator" not in found.generators
    assert _warnings(found) == ["/etc/fstab line 5 has no filesystem type: bad line"]


def test_graph_warns_of_dangling_links() -> None:
    place = f"{ETC}/multi-user.target.wants/gone.service"
    found = graph_of({place: Link("/lib/systemd/system/gone.service")})
    assert _warnings(found) == [f"{place} is a dangling link to /lib/systemd/system/gone.service"]


def test_graph_warns_of_aliases_of_missing_units() -> None:
    found = graph_of(
        {
            f"{ETC}/default.target": Link("/lib/systemd/system/gone.target"),
            f"{ETC}/dbus-org.gone.service": Link("gone.service"),
            f"{ETC}/dbus-org.here.service": Link("/moved/here.service"),
            f"{LIB}/here.service": "[Service]\n",
        }
    )
    assert _warnings(found) == [
        f"{ETC}/dbus-org.gone.service is a dangling link to gone.service",
        f"{ETC}/default.target is a dangling link to /lib/systemd/system/gone.target",
    ]
    assert found.real_name("dbus-org.here.service") == "here.service", "systemd goes by the name"


def test_graph_warns_of_ordering_cycles() -> None:
    found = graph_of(
        {
            f"{LIB}/a.service": "[Unit]\nWants=b.service\n",
            f"{LIB}/b.service": "[Unit]\nRequires=a.service\n",
            f"{LIB}/multi-user.target.wants/a.service": Link("../a.service"),
        }
    )
    assert _warnings(found) == [
        f"{LIB}/a.service is in a dependency cycle: a.service -> b.service -> a.service"
    ]


def test_graph_warns_of_aliases_in_a_cycle() -> None:
    found = graph_of({f"{LIB}/a.service": Link("b.service"), f"{LIB}/b.service": Link("a.service")})
    assert any("its aliases form a cycle" in warning for warning in _warnings(found))


def test_graph_read_of_an_image_without_systemd() -> None:
    found = graph.read(Files.of({"/etc/hostname": "x"}))
    assert _warnings(found) == [
        "/usr/lib/systemd/systemd is missing: the image has no systemd",
        "/etc/systemd/system/default.target is missing: the image has no default target",
    ]
    assert found.started_by() == {}


def test_graph_ignores_foreign_files_in_unit_folders() -> None:
    found = graph_of(
        {
            f"{ETC}/multi-user.target.wants/README": "x",
            f"{ETC}/multi-user.target.wants/a@.service": Link("x"),
            f"{LIB}/a.service": b"\xff\xfe\n[Unit]\nWants=%H.service nonsense\n",
            f"{LIB}/b.service/c": "a folder",
        }
    )
    assert sorted(_warnings(found)) == [
        f"{ETC}/multi-user.target.wants/README is not a valid unit name",
        f"{ETC}/multi-user.target.wants/a@.service is not a valid unit name",
        f"{LIB}/a.service Wants=%H.service names no unit that is known before a boot",
        f"{LIB}/a.service Wants=nonsense names no unit that is known before a boot",
        f"{LIB}/b.service cannot be read",
    ]


_LINE = st.sampled_from(
    [
        *("[Unit]", "[Service]", "[Install", "=", "\\", "BindsTo=%p", "After=-.mount"),
        *("Wants=b.service a@x.service", "Requires=%i.target", "Sockets=c.socket"),
        *("Slice=a-b-c.slice", "PrivateTmp=yes", "Conflicts=b.service"),
    ]
)


@given(st.lists(_LINE, max_size=8), st.lists(_LINE, max_size=8))
def test_graph_and_plan_accept_any_unit_files(first: list[str], second: list[str]) -> None:
    found = graph_of(
        {
            f"{LIB}/a@.service": "\n".join(first),
            f"{LIB}/b.service": "\n".join(second),
            f"{LIB}/c.socket": "\n".join([*second, "[Socket]", *first]),
            f"{LIB}/multi-user.target.wants/b.service": Link("../b.service"),
            f"{LIB}/sockets.target.wants/c.socket": Link("../c.socket"),
        }
    )
    for keep in (("*",), ("c.socket",), ()):
        planned = trim.plan_trim(found, name="t", image=Digest("sha256-0"), keep=keep)
        masked = {mask.unit for mask in planned.trim.masks}
        assert masked.isdisjoint(stay.unit for stay in planned.kept_units)
        for stay in planned.kept_units:
            assert masked.isdisjoint(e.target for e in found.edges_from(stay.unit, graph.NEEDS))
