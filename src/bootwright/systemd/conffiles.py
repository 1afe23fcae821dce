"""Configuration that lies in several folders: a file hides those of its name in later folders.

Source: conf_files_list_strv() in src/basic/conf-files.c; the manual pages of what is read so, such
as tmpfiles.d(5), sysusers.d(5) and systemd.preset(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from bootwright.images.files import Files


def folders(kind: str) -> tuple[str, ...]:
    """Return where files of *kind*, such as ``tmpfiles.d``, are; /run is empty before a boot."""
    return (f"/etc/{kind}", f"/usr/local/lib/{kind}", f"/usr/lib/{kind}", f"/lib/{kind}")


def lines(files: Files, kind: str, ending: str) -> Iterator[tuple[str, str]]:
    """Yield the lines that say something, each with its file, in the order in which they count.

    Args:
        kind: What the folders are called.
        ending: How the names of files that count end, such as ``.conf``.
    """
    chosen: dict[str, str] = {}
    for folder in folders(kind):
        for name in files.names(folder):
            if name.endswith(ending):
                chosen.setdefault(name, f"{folder}/{name}")
    for _, path in sorted(chosen.items()):
        # A link to /dev/null, which masks the file, has no content that was read.
        for line in (files.read(path) or b"").decode(errors="replace").splitlines():
            if (said := line.strip()) and not said.startswith(("#", ";")):
                yield path, said
