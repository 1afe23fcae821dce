"""dm-snapshot under a real VMM, with a stock kernel and udev."""

from __future__ import annotations

import pytest

from tests.nested.bed import SMALL
from tests.nested.conftest import Nested

pytestmark = pytest.mark.acceptance
RUN = ("run", SMALL, "--init", "bare", "--disk", "dm-snapshot", "--accelerator", "kvm")


def test_dm_snapshot_takes_what_a_guest_writes(nested: Nested) -> None:
    assert nested.said("systemctl is-active systemd-udevd") == "active"
    image = "~/.local/share/bootwright/images/names/small/disk.raw"
    before = nested.said(f"sha256sum {image}")
    for _ in range(2):
        ran = nested.json(
            *RUN, "--", "ls /root; dd if=/dev/zero of=/root/written bs=64k count=16; sync"
        )
        assert ran["exit_status"] == 0, ran["output"]
        # Each guest has a disk of its own.
        assert "written" not in ran["output"].split("records")[0]
    assert nested.said(f"sha256sum {image}") == before


def test_dm_snapshot_is_reclaimed_after_a_kill(nested: Nested) -> None:
    done = nested(
        f"""
        bootwright {" ".join(RUN)} -- 'echo up; exec sleep 600' >/tmp/said 2>&1 &
        until grep -qs '^up' /tmp/said; do sleep 0.5; kill -0 $! || exit 1; done
        dmsetup ls | grep bootwright || exit 2
        pkill -KILL -f '[b]ootwright.monitor.launch' || exit 3
        wait
        bootwright doctor --fix >/dev/null
        dmsetup ls"""
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No devices found" in done.stdout
