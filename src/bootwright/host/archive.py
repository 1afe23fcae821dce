"""The Debian archive that this host uses: from its apt configuration, or a given mirror."""

from __future__ import annotations

from bootwright.host import commands, tools

# Suites that have neither updates nor security beside them.
_ROLLING = {"sid", "unstable", "experimental", "testing"}


def sources(suite: str, mirror: str | None) -> list[str]:
    """Return the lines of a sources.list for *suite*.

    With a *mirror*, only that. Otherwise the Debian sources of the host's apt, changed to *suite*:
    main, updates and security. Empty if apt has no Debian sources (another distribution):
    mmdebstrap then uses its default.

    Source: apt-get(8), indextargets.
    """
    if mirror:
        return [mirror if " " in mirror else f"deb {mirror} {suite} main"]
    [apt_get] = tools.require("apt-get")
    listing = commands.run(
        [
            apt_get,
            "indextargets",
            "--format",
            "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)",
            "Created-By: Packages",
        ]
    )
    lines: dict[str, None] = {}
    for row in listing.stdout.splitlines():
        uri, release, component, origin = row.split("|")
        if origin.startswith("$("):
            # apt has not fetched the archive's Release file yet, so the address must tell.
            origin = "Debian" if "/debian" in uri else ""
        if component != "main" or origin != "Debian":
            continue  # another vendor's archive
        _, _, kind = release.partition("-")
        if kind not in ("", "updates", "security") or (kind and suite in _ROLLING):
            continue
        lines[f"deb {uri} {suite}{'-' if kind else ''}{kind} main"] = None
    return list(lines)
