"""The unit graph against systemd's own word, and what a trimmed boot is, for Debian 12 and 13."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import tomli_w

from bootwright.digest import Digest
from bootwright.guest import initramfs
from bootwright.home import locate_home
from bootwright.images.image import load_image
from bootwright.images.reading import read
from bootwright.systemd import graph
from bootwright.systemd.graph import Graph
from bootwright.systemd.implied import Kind
from bootwright.trims import trim
from bootwright.trims.kept import DEFAULT_KEEP
from bootwright.trims.trim import Trim
from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot

_EXACT: tuple[Kind, ...] = (
    *("Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds"),
    *("Conflicts", "Triggers"),
)
"""For these, systemd says what we say, no more and no less."""
_NO_MORE: tuple[Kind, ...] = ("Before", "After")
"""systemd shows both sides of an order, and adds orders by rules that no trim depends on: what we
say of these, it says too."""

_ASK = f"""
systemctl is-system-running --wait
echo =====
systemctl show '*' --property Id,LoadState,{",".join((*_EXACT, *_NO_MORE))}
echo =====
systemctl list-dependencies --all --plain default.target
echo =====
systemctl list-units --failed --no-legend --plain
echo =====
systemd-analyze time
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a booted guest says of itself."""

    state: str
    units: dict[str, dict[str, str]]
    started: set[str]
    failed: str
    userspace_s: float


def _word(output: str) -> Word:
    state, shown, listed, failed, analyzed = output.split("=====\n")
    units = {}
    for block in shown.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines())
        units[fields["Id"]] = fields
    found = re.search(r"(?:([\d]+)min )?([\d.]+)(ms|s) \(userspace\)", analyzed)
    assert found is not None, analyzed
    minutes, number, unit = found.groups()
    return Word(
        state=state.strip(),
        units=units,
        started={line.strip() for line in listed.splitlines()},
        failed=failed.strip(),
        userspace_s=60 * int(minutes or 0) + float(number) / (1000 if unit == "ms" else 1),
    )


def _names(value: str) -> set[str]:
    """Read a list as systemctl shows it: names with backslashes are quoted and escaped."""
    return {word.strip('"').replace("\\\\", "\\") for word in value.split()}


def _graph(own: Bootwright, image: str) -> Graph:
    loaded = load_image(locate_home(own.environment), image)
    return graph.read(read(loaded, graph.WANTED))


@pytest.fixture(params=["bookworm", "trixie"])
def image(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def _digest(own: Bootwright, image: str) -> Digest:
    return load_image(locate_home(own.environment), image).digest


def _trimmed(own: Bootwright, image: str, made: Trim, folder: Path) -> Path:
    """Write the recipe of a boot of *image* with a trim in its initramfs."""
    shown = own("recipe", "show", image)
    assert shown.returncode == 0, shown.stderr
    recipe = tomllib.loads(shown.stdout)
    carried = initramfs.store_guest_files(locate_home(own.environment), trim.guest_files(made))
    recipe["guest_files"] += [msgspec.to_builtins(file) for file in carried]
    path = folder / "trimmed.toml"
    path.write_text(tomli_w.dumps(recipe))
    return path


@pytest.fixture(scope="session")
def services(builder: Bootwright, kernel: str) -> str:
    """A Debian 12 image with services that people run."""
    done = builder(
        *("image", "build", "services", "--debian", "bookworm", "--replace"),
        *("--include", "nginx,postgresql,docker.io"),
        timeout_s=900,
    )
    assert done.returncode == 0, done.stderr
    return "services"


def _is_known_from_files(name: str) -> bool:
    """Say whether a unit is there by the image's files.

    Not so are devices and scopes, which appear while the guest runs, and the mounts that systemd
    makes for a running service's credentials (run-credentials-...). What udev's rules pull in by
    SYSTEMD_WANTS hangs on devices, and so is not compared either.
    """
    return not name.endswith((".device", ".scope")) and not name.startswith("run-credentials-")


def _differences(found: Graph, word: Word) -> Iterator[str]:
    for name, fields in word.units.items():
        if not _is_known_from_files(name):
            continue
        if name not in found.units:
            yield f"{name} is not in the graph"
            continue
        for kind in (*_EXACT, *_NO_MORE):
            theirs = {found.real_name(n) for n in _names(fields.get(kind, ""))}
            theirs = {n for n in theirs if _is_known_from_files(n)}
            ours = {edge.target for edge in found.edges_from(name, (kind,))}
            ours = {n for n in ours if _is_known_from_files(n)}
            if kind in _EXACT and theirs - ours:
                yield f"{name} {kind}: only systemd has {sorted(theirs - ours)}"
            if ours - theirs:
                yield f"{name} {kind}: only we have {sorted(ours - theirs)}"


def test_trim_graph_agrees_with_systemd_and_the_trimmed_boot_works(
    image: str, bootwright: Bootwright, tmp_path: Path
) -> None:
    found = _graph(bootwright, image)
    assert found.warnings == ()
    done = bootwright("run", image, "--", _ASK)
    assert done.returncode == 0, done.stderr
    whole = _word(done.stdout)
    assert len(whole.units) > 60
    assert list(_differences(found, whole)) == []
    # list-dependencies follows what a target orders and wants; it goes no further than we do.
    assert {n for n in whole.started if _is_known_from_files(n)} <= {
        *found.started_by(),
        *found.aliases,
    }

    planned = trim.plan_trim(found, name="diary", image=_digest(bootwright, image))
    file = _trimmed(bootwright, image, planned.trim, tmp_path)
    masked = " ".join(f"'{mask.unit}'" for mask in planned.trim.masks)
    more = f"echo =====\nsystemctl show --property=LoadState,ActiveState {masked}\n"
    more += "ls /run/systemd/generator/getty.target.wants\nuseradd -m joe && su - joe -c id"
    done = bootwright("run", "--recipe", file, "--", _ASK + more)
    assert done.returncode == 0, done.stderr
    answers, _, rest = done.stdout.rpartition("=====\n")
    trimmed = _word(answers)
    assert (trimmed.state, trimmed.failed) == ("running", "")
    assert rest.count("LoadState=masked") == len(planned.trim.masks) > 35
    assert rest.count("ActiveState=inactive") == len(planned.trim.masks)
    assert "uid=1000(joe)" in rest
    running = {
        name
        for name in trimmed.units
        if name.endswith((".service", ".socket", ".timer", ".path", ".automount"))
    }
    assert running <= {stay.unit for stay in planned.kept_units}
    print(f"{image}: userspace {whole.userspace_s} s, trimmed {trimmed.userspace_s} s")


@pytest.mark.acceptance
def test_trim_keep_keeps_services_and_what_they_need(
    services: str, bootwright: Bootwright, tmp_path: Path
) -> None:
    found = _graph(bootwright, services)
    assert found.warnings == ()
    done = bootwright("run", services, "--", _ASK)
    assert done.returncode == 0, done.stderr
    # postgresql-generator makes an instance for each cluster; what it would make is not known.
    assert [
        line for line in _differences(found, _word(done.stdout)) if "postgresql" not in line
    ] == []

    keep = (*DEFAULT_KEEP, "nginx.service", "postgresql.service")
    digest = _digest(bootwright, services)
    planned = trim.plan_trim(found, name="web", image=digest, keep=keep)
    assert {stay.unit: stay.reason for stay in planned.kept_units}[
        "systemd-tmpfiles-setup.service"
    ] == (
        "postgresql.service needs /run/postgresql, "
        "created by /usr/lib/tmpfiles.d/postgresql-common.conf"
    )
    assert planned.notes == ("unknown generators, kept with their units: postgresql-generator",)
    assert {"docker.service", "docker.socket", "containerd.service"} <= {
        mask.unit for mask in planned.trim.masks
    }
    file = _trimmed(bootwright, services, planned.trim, tmp_path)
    ask = "systemctl is-system-running --wait; systemctl is-active nginx postgresql@15-main\n"
    ask += "pg_lsclusters --no-header | cut -d' ' -f1-4; systemctl list-units --failed --no-legend"
    done = bootwright("run", "--recipe", file, "--", ask)
    assert done.stdout.split("\n") == [
        *("running", "active", "active", "15 main 5432 online", ""),
    ], done.stdout + done.stderr


@pytest.fixture(params=["bookworm", "trixie"])
def users(request: pytest.FixtureRequest, builder: Bootwright, kernel: str) -> str:
    """A Debian image whose log-ins call logind over D-Bus."""
    name = f"users-{request.param}"
    done = builder(
        *("image", "build", name, "--debian", str(request.param)), "--include", "libpam-systemd"
    )
    assert done.returncode == 0, done.stderr
    return name


_LOG_IN = """
grep --quiet pam_systemd /etc/pam.d/common-session || echo no pam_systemd
useradd --create-home --shell /bin/bash joe
install -d -o joe -m 700 /home/joe/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/key
install -o joe -m 600 /root/key.pub /home/joe/.ssh/authorized_keys
ssh -q -i /root/key -o StrictHostKeyChecking=no joe@localhost 'id --user --name'
journalctl --boot --quiet --output cat --grep pam_systemd
echo =====
"""

_CALL = """
systemctl show --property LoadState --value dbus-org.freedesktop.login1.service
for name in login1 hostname1; do
    busctl call org.freedesktop.$name /org/freedesktop/$name org.freedesktop.DBus.Peer Ping 2>&1 &&
        echo answered
done
systemctl list-units --failed --no-legend
"""


def test_trim_allows_login_where_pam_asks_for_logind(
    users: str, bootwright: Bootwright, tmp_path: Path
) -> None:
    found, digest = _graph(bootwright, users), _digest(bootwright, users)
    by_default = trim.plan_trim(found, name="default", image=digest)
    file = _trimmed(bootwright, users, by_default.trim, tmp_path)
    done = bootwright("run", "--recipe", file, "--", _LOG_IN)
    # logind is neither there nor asked for: a call that timed out would have been logged.
    assert done.stdout.split() == ["joe", "====="], done.stdout + done.stderr

    # pam_systemd takes logind for running where tmpfiles.d made its folders.
    keep = (*DEFAULT_KEEP, "dbus.service", "systemd-tmpfiles-setup.service")
    with_bus = trim.plan_trim(found, name="bus", image=digest, keep=keep)
    file = _trimmed(bootwright, users, with_bus.trim, tmp_path)
    done = bootwright("run", "--recipe", file, "--", _LOG_IN + _CALL)
    said = "Unit dbus-org.freedesktop.login1.service is masked."
    log_in, _, calls = done.stdout.partition("=====\n")
    name, *logged = log_in.splitlines()
    assert name == "joe", done.stdout + done.stderr
    assert logged, "pam_systemd is refused at once, and log-ins go on"
    assert {line.partition(": ")[2] for line in logged} == {f"Failed to create session: {said}"}
    assert calls.splitlines() == ["masked", f"Call failed: {said}", "answered"], done.stderr
