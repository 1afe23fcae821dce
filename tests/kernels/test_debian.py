"""Adding Debian's kernel: what is refused before it is fetched."""

from __future__ import annotations

import pytest

from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.kernels import debian
from bootwright.kernels.kernel import kernel_store, store_kernel


class Fetched(Exception):
    """The package would be fetched now."""


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **__: object) -> None:
        raise Fetched

    monkeypatch.setattr(debian, "download_package", download)
    monkeypatch.setattr("bootwright.host.tools.require", lambda *names: list(names))
    monkeypatch.setattr("bootwright.host.space.require", lambda *_: None)


def _stored(home: Home, source: str) -> None:
    with kernel_store(home).staged() as staged:
        (staged / "vmlinux").write_text("no kernel")
        store_kernel(home, staged, name="debian", release="6.1.0", source=source, pvh=True)


@pytest.mark.usefixtures("no_download")
def test_debian_add_refuses_the_name_of_another_kernel_before_the_download(home: Home) -> None:
    _stored(home, "/boot/vmlinuz")
    with pytest.raises(InputError, match="a kernel is already called 'debian'"):
        debian.add(home, suite="bookworm")
    with pytest.raises(Fetched):
        debian.add(home, suite="bookworm", replace=True)


@pytest.mark.usefixtures("no_download")
def test_debian_add_looks_whether_a_kernel_of_the_same_suite_is_the_newest(home: Home) -> None:
    _stored(home, "Debian bookworm, linux-image-6.1.0")
    with pytest.raises(Fetched):
        debian.add(home, suite="bookworm")
