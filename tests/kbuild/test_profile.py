"""Profiles: every line has a reason, and wrong ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.home import Home
from bootwright.kbuild import configure, profile
from bootwright.kbuild.profile import load_profile, parse_profile, profile_names

_HEAD = "# p: a test\n# base: allnoconfig\n"


@pytest.mark.parametrize("name", profile_names())
def test_profile_lines_have_a_reason_and_become_config(name: str) -> None:
    loaded = load_profile(name)
    assert loaded.title
    assert loaded.options
    assert all(option.reason.strip() for option in loaded.options)
    assert configure.parse(loaded.fragment()) == {o.name: o.value for o in loaded.options}


def test_profile_names_are_three() -> None:
    assert profile_names() == ["debian-cloud", "firecracker-ci", "micro"]


def test_profile_micro_keeps_what_vmms_and_disks_need() -> None:
    on = {option.name for option in load_profile("micro").options if option.value == "y"}
    assert on >= {"SMP", "PVH", "ACPI", "PCI", "VIRTIO_MMIO_CMDLINE_DEVICES", "VIRTIO_PMEM"}
    assert on >= {"EXT4_FS", "XFS_FS", "BTRFS_FS", "DM_SNAPSHOT", "OVERLAY_FS", "NF_TABLES"}
    assert on >= {"BPF_JIT", "SECCOMP_FILTER", "CGROUP_BPF", "USER_NS"}


def test_profile_firecracker_ci_is_the_whole_published_config(home: Home) -> None:
    base = configure.parse(load_profile("firecracker-ci").base_config(home))
    assert base["SERIAL_8250_NR_UARTS"] == "1"
    assert base["PVH"] == "y"
    assert len(base) > 1300


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("CONFIG_SMP=y", "invalid line '"),
        ("CONFIG_SMP=y # ", "invalid line '"),
        ("SMP=y  # several vCPUs", "invalid line '"),
        ("CONFIG_NAME=two words  # why", "invalid line '"),
        ("CONFIG_SMP=y  # one\nCONFIG_SMP=n  # two", "line 4: CONFIG_SMP is set twice"),
    ],
)
def test_profile_parse_names_invalid_lines(line: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        parse_profile("p", f"{_HEAD}{line}\n")


def test_profile_parse_accepts_text_with_spaces() -> None:
    [option] = parse_profile("p", f'{_HEAD}CONFIG_LSM="yama, landlock"  # both\n').options
    assert option.value == '"yama, landlock"'


def test_profile_parse_refuses_a_missing_base() -> None:
    with pytest.raises(FormatError, match="profile p has no base"):
        parse_profile("p", "CONFIG_SMP=y  # why\n")


def test_profile_load_misspelt_name_has_a_hint() -> None:
    with pytest.raises(InputError, match="no kernel profile is called 'mikro'") as raised:
        load_profile("mikro")
    assert raised.value.hint == "did you mean 'micro'?"


def test_profile_debian_cloud_needs_its_base_kernel(home: Home) -> None:
    with pytest.raises(NotFoundError, match="starts from the config of kernel 'debian'") as raised:
        load_profile("debian-cloud").base_config(home)
    assert raised.value.hint == "bootwright kernel add debian"


def test_profile_origin_file_names_every_config() -> None:
    folder = Path(profile.__file__).with_name("profiles")
    told = (folder / "ORIGIN.md").read_text()
    for config in folder.glob("*.config"):
        assert f"`{config.name}`" in told


def _written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.fragment"
    path.write_text(text)
    return str(path)


def test_profile_load_of_a_users_file_extends_a_built_in_one(tmp_path: Path, home: Home) -> None:
    text = """\
# base: profile micro
CONFIG_NR_CPUS=8  # a small host
CONFIG_SQUASHFS=y  # what we boot is packed so
"""
    mine, micro = load_profile(_written(tmp_path, text)), load_profile("micro")
    assert mine.name == "mine"
    assert (mine.kind, mine.base_config(home)) == ("allnoconfig", "")
    changed = {option.name: option.value for option in mine.options}
    ours = {option.name: option.value for option in micro.options}
    assert changed == ours | {"NR_CPUS": "8", "SQUASHFS": "y"}


@pytest.mark.parametrize(
    "base", ["defconfig", "profile nix", "profile mine.fragment", "profile ", "../micro.fragment"]
)
def test_profile_load_refuses_an_unknown_base(base: str, tmp_path: Path) -> None:
    text = f"# base: {base}\nCONFIG_SMP=y  # several vCPUs\n"
    with pytest.raises(FormatError, match="profile mine has the unknown base") as raised:
        load_profile(_written(tmp_path, text))
    assert raised.value.hint is not None
    assert "micro" in raised.value.hint


def test_profile_load_refuses_a_missing_or_binary_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the profile .*nix\.fragment: No such file"):
        load_profile(str(tmp_path / "nix.fragment"))
    (tmp_path / "binary.fragment").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot read the profile"):
        load_profile(str(tmp_path / "binary.fragment"))
