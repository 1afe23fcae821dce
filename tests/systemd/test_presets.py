"""What presets say of units, and why a unit is not started."""

from __future__ import annotations

from bootwright.images.files import Files, Link
from bootwright.systemd import presets
from bootwright.systemd.presets import Rule
from bootwright.systemd.unitfiles import parse

USR = "/usr/lib/systemd/system-preset"
ETC = "/etc/systemd/system-preset"

RULES = presets.find(
    Files.of(
        {
            f"{USR}/90-vendor.preset": "; no\n# no\nenable a.service\nenable getty@.service tty1\n"
            "ignore i.*\ndisable *\nnonsense x\nenable\n",
            f"{ETC}/10-mine.preset": "disable a.*\n",
            f"{USR}/50-hidden.preset": "enable *\n",
            f"{ETC}/50-hidden.preset": Link("/dev/null"),
            f"{USR}/00.conf": "enable *\n",
        }
    )
)
WANTED = parse("[Install]\nWantedBy=multi-user.target\n")


def test_presets_find_reads_files_in_order_of_names() -> None:
    assert list(RULES) == [
        Rule(verb="disable", pattern="a.*", origin=f"{ETC}/10-mine.preset"),
        Rule(verb="enable", pattern="a.service", origin=f"{USR}/90-vendor.preset"),
        Rule(verb="enable", pattern="getty@.service", origin=f"{USR}/90-vendor.preset"),
        Rule(verb="ignore", pattern="i.*", origin=f"{USR}/90-vendor.preset"),
        Rule(verb="disable", pattern="*", origin=f"{USR}/90-vendor.preset"),
    ]


def test_presets_preset_of_takes_the_first_matching_rule() -> None:
    assert presets.preset_of("a.service", RULES) == ("disable", f"{ETC}/10-mine.preset")
    assert presets.preset_of("getty@tty1.service", RULES) == ("enable", f"{USR}/90-vendor.preset")
    assert presets.preset_of("i.timer", RULES) == ("ignore", f"{USR}/90-vendor.preset")
    assert presets.preset_of("b.service", ()) == ("enable", "")


def test_presets_why_not_started() -> None:
    assert presets.why_not_started("a.service", WANTED, RULES) == (
        f"it is disabled (its preset is disable, by {ETC}/10-mine.preset); "
        "in the guest: systemctl enable a.service"
    )
    assert presets.why_not_started("a.service", WANTED, ()) == (
        "it is disabled (its preset is enable, as no preset names it); "
        "in the guest: systemctl enable a.service"
    )
    assert presets.why_not_started("a.service", parse("[Service]\n"), RULES) == (
        "it is static, so it starts only if another unit pulls it in"
    )
    assert presets.why_not_started("a.service", parse("[Install]\nAlso=a.socket\n"), RULES) == (
        "it is indirect; in the guest: systemctl enable a.socket"
    )
