"""A timeline of a whole Debian with KVM."""

from __future__ import annotations

import json
import subprocess

import pytest

from bootwright.images.image import load_image
from tests.boots import conftest as boots
from tests.boots.harness import Bootwright, home_of
from tests.boots.test_timeline import LAYERS, timeline
from tests.nested.conftest import Nested

pytestmark = pytest.mark.acceptance

bookworm = boots.bookworm


@pytest.fixture
def debian(nested: Nested, builder: Bootwright, bookworm: str) -> str:
    """A Debian 12 image in the machine."""
    disk = load_image(home_of(builder), bookworm).disk
    packed = subprocess.run(
        ["tar", "--sparse", "-czf", "-", "-C", str(disk.parent), disk.name],
        check=True,
        capture_output=True,
    ).stdout
    done = nested(
        "cd /var/tmp && tar -xzSf - && bootwright image import debian disk.raw && rm disk.raw",
        input=packed,
        timeout_s=1200,
    )
    assert done.returncode == 0, done.stderr
    return "debian"


def test_timeline_with_kvm_has_all_layers(nested: Nested, debian: str) -> None:
    done = nested.bootwright(
        *("timeline", debian, "--accelerator", "kvm", "--timeout", "900", "--json"),
        timeout_s=2400,
    )
    assert done.returncode == 0, done.stderr
    read = timeline(json.loads(done.stdout))
    assert read.clock == "wall"
    assert {span.layer for span in read.spans} >= LAYERS - {"firmware"}
    spans = {span.id: span for span in read.spans}
    assert any(name.startswith("kernel.initcall.") for name in spans)
    assert {"pid1.generators", "unit.ssh.service", "ssh.auth", "host.disk"} <= spans.keys()
