"""Files in memory: links are followed inside them, as the guest's kernel would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootwright.images.files import Files, Link, joined

_FILES = Files.of(
    {
        "/lib": Link("usr/lib"),
        "/usr/lib/a": b"a",
        "/usr/lib/up": Link("../../../../usr/lib/a"),
        "/usr/lib/round": Link("/lib/round"),
        "/folder": Link("/lib/"),
    }
)


def test_image_files_resolve_follows_links() -> None:
    assert _FILES.read("/lib/a") == _FILES.read("/folder/up") == b"a"
    assert _FILES.resolve("/folder/../lib/./a") == "/usr/lib/a"
    assert _FILES.names("/folder") == ["a", "round", "up"]
    assert _FILES.target("/folder") == "/lib/"
    assert _FILES.target("/lib/a") is None


def test_image_files_resolve_of_missing_paths() -> None:
    assert _FILES.resolve("/lib/round") is None
    assert _FILES.names("/nowhere") == _FILES.names("/lib/a") == []
    assert _FILES.read("/lib") is None
    assert not _FILES.is_there("/usr/lib/b")


def test_image_files_resolve_never_leaves_the_image() -> None:
    assert joined("/a/b", "../../../../c") == "/c"
    assert joined("/a", "//etc") == "/etc"


@given(st.text(alphabet="abiloprsu/.", max_size=30))
def test_image_files_resolve_accepts_any_path(path: str) -> None:
    real = _FILES.resolve(path)
    assert real is None or _FILES.resolve(real) == real
