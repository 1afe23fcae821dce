"""Fetch Debian's kernel packages without installing them."""

from __future__ import annotations

import os
from pathlib import Path

from bootwright.errors import BuildError
from bootwright.host import archive, commands, suites, tools
from bootwright.host.namespaces import sealed

# mmdebstrap makes an apt for the suite, with its keys; this asks that apt for one package.
# linux-image-FLAVOUR and linux-source are empty and depend on the package with the newest kernel.
_DOWNLOAD = """
cd "$1" && export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
real=$(apt-cache depends "{package}" |
    sed -n 's/^ *Depends: \\({start}-[0-9][^ ]*\\)$/\\1/p' | head -n 1)
[ -n "$real" ] || {{ echo "E: no kernel package {package}" >&2; exit 1; }}
apt-get download "$real" && mv "$real"_*.deb kernel.deb
"""


def download_package(
    package: str, suite: str, mirror: str | None, target: Path, *, hint: str
) -> None:
    """Fetch the newest package that the empty *package* of a suite depends on.

    Args:
        package: ``linux-source``, or ``linux-image-`` and a flavour.
        target: The file to write.
        hint: The error's hint if the suite has no such package.

    Raises:
        BuildError: it cannot be fetched.
    """
    [mmdebstrap] = tools.require("mmdebstrap")
    script = _DOWNLOAD.format(package=package, start="-".join(package.split("-")[:2]))
    command: list[str | Path] = [
        *sealed(),
        mmdebstrap,
        # Nothing is unpacked: an ordinary user needs no ids of others for that. It warns root.
        *(["--mode=chrootless"] if os.geteuid() else []),
        "--variant=custom",
        "--format=null",
        f"--customize-hook={script}",
        f"--customize-hook=download kernel.deb {target}",
        suite,
        "/dev/null",
        *archive.sources(suite, mirror),
    ]
    done = commands.run(command)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:"))]
        if any("does not have a Release file" in line for line in errors):
            raise BuildError(
                f"the archive has no suite {suite!r}",
                hint=suites.hint(suite),
                evidence="\n".join(errors[:4]),
            )
        raise BuildError(
            f"cannot fetch {package} of {suite}",
            hint=hint,
            evidence="\n".join(errors[:4]) or done.stderr[-600:],
        )


def package_title(package: Path) -> str:
    """Return the name and version of a package file, such as ``linux-source-6.1 6.1.192-2``."""
    [dpkg_deb] = tools.require("dpkg-deb")
    return commands.run([dpkg_deb, "--show", "--showformat=${Package} ${Version}", package]).stdout
