"""bootwright timeline, as far as it goes without booting: refusals, and logs of others' boots."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bootwright.cli.main import cli
from bootwright.home import Home
from bootwright.images.image import Image, image_store, store_image
from bootwright.kernels.kernel import Kernel
from bootwright.timelines.looks import TAKE_LOG, TAKE_UNITS
from tests.timelines import klogs
from tests.timelines.recorded import recorded

Cli = Callable[..., Any]
FIELDS = {
    "accesses",
    *("version", "clock", "total_ns", "unaccounted_ns", "clock_error_ns", "overhead_ns"),
    *("warnings", "hints", "silences", "spans"),
}
SPAN_FIELDS = {
    *("id", "parent", "layer", "name", "kind", "start_ns", "end_ns", "source", "critical"),
    "slack_ns",
}


@pytest.fixture
def web(home: Home, debian: Kernel) -> Image:
    with image_store(home).staged() as staged:
        (staged / "disk.raw").write_bytes(bytes(1 << 20))
        return store_image(home, staged, name="web", source="a test", filesystem="ext4")


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "dmesg.txt"
    path.write_text(klogs.text("6.1-image-initcall_debug"))
    return str(path)


@pytest.fixture
def dump(tmp_path: Path) -> str:
    path = tmp_path / "dump.txt"
    path.write_text(recorded("debian-12")["dump"])
    return str(path)


def assert_refused(done: Any, message: str, hint: str, status: int = 2) -> None:
    """See that exactly this was said, and nothing was done."""
    assert done.err == f"bootwright: error: {message}\n  hint: {hint}\n"
    assert (done.status, done.out) == (status, "")


NOBODY = "a timeline ends at the log-in, and this guest allows none"
NAME_ONE = (
    "use an image with init systemd or tini; or a tiny guest with --clock virtual; "
    "bootwright run shows the phases of any guest"
)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            (),
            "no image was given",
            "bootwright image list shows them; --tiny boots without one",
        ),
        (("--tiny",), NOBODY, NAME_ONE),
        (("web", "--init", "bare"), NOBODY, NAME_ONE),
        (
            ("web", "--units", "dump.txt"),
            "--units goes with --log",
            "add --log DMESG, or leave it out",
        ),
        (
            ("--units", "dump.txt"),
            "--units goes with --log",
            "add --log DMESG, or leave it out",
        ),
        (
            ("web", "--log", "dmesg.txt"),
            "there are --log and image 'web', but one boot is shown",
            "give only one of them",
        ),
        (
            ("web", "--timeout", "0"),
            "--timeout is 0, but must be more than 0",
            "give seconds",
        ),
        (
            ("--log", "/no/such"),
            "cannot read /no/such: No such file or directory",
            f"such as: {TAKE_LOG}",
        ),
        (("--log", "/"), "cannot read /: Is a directory", f"such as: {TAKE_LOG}"),
    ],
)
def test_timeline_refuses_conflicting_options(
    bootwright: Cli,
    web: Image,
    home: Home,
    arguments: tuple[str, ...],
    message: str,
    hint: str,
) -> None:
    assert_refused(bootwright("timeline", *arguments), message, hint)
    assert not home.machines.exists()


def test_timeline_units_names_a_file_that_cannot_be_read(bootwright: Cli, log: str) -> None:
    assert_refused(
        bootwright("timeline", "--log", log, "--units", "/no/dump"),
        "cannot read /no/dump: No such file or directory",
        f"such as: {TAKE_UNITS}",
    )


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_timeline_log_refuses_a_log_without_times(
    bootwright: Cli, tmp_path: Path, json_: tuple[str, ...]
) -> None:
    (tmp_path / "plain").write_bytes(b"Linux version 6.1\n\xff\n")
    assert_refused(
        bootwright("timeline", "--log", str(tmp_path / "plain"), *json_),
        "the log is dmesg -t, or a console without times, which has no times",
        "use dmesg >dmesg.txt, without -t; a console has times with printk.time=1",
        status=1,
    )


def test_timeline_log_prints_a_tree(bootwright: Cli, log: str) -> None:
    done = bootwright("timeline", "--log", log)
    assert (done.status, done.err) == (0, "")
    rows = done.out.splitlines()
    assert max(len(row) for row in rows) <= 80
    assert "\x1b" not in done.out
    assert rows[1].split()[:2] == ["boot", "0.0"]
    assert any(row.startswith("*        crypto_algapi_init ") for row in rows)
    assert "longest on the critical path:" in rows
    assert "times in ms; * on the critical path" in rows


@pytest.mark.parametrize("units", [False, True])
def test_timeline_json_is_as_documented(bootwright: Cli, log: str, dump: str, units: bool) -> None:
    more = ("--units", dump) if units else ()
    done = bootwright("timeline", "--log", log, *more, "--json")
    assert (done.status, done.err) == (0, "")
    told = json.loads(done.out, parse_float=lambda text: pytest.fail(f"{text} is no integer"))
    assert set(told) == FIELDS
    assert (told["version"], told["clock"], told["overhead_ns"]) == (1, "guest", None)
    assert 0 <= told["unaccounted_ns"] <= told["total_ns"]
    assert told["clock_error_ns"] == 0
    assert len(told["warnings"]) == int(units)
    spans = {span["id"]: span for span in told["spans"]}
    assert len(spans) == len(told["spans"])
    assert told["spans"][0]["parent"] == ""
    assert told["total_ns"] == told["spans"][0]["end_ns"]
    for span in told["spans"]:
        assert set(span) == SPAN_FIELDS
        assert span["layer"] in ("host", "firmware", "kernel", "initramfs", "userspace", "ssh")
        assert span["kind"] in ("frame", "work", "wait")
        assert type(span["start_ns"]) is type(span["end_ns"]) is int
        assert type(span["critical"]) is bool
        assert span["slack_ns"] is None or type(span["slack_ns"]) is int
        assert span["parent"] == "" or span["parent"] in spans
    assert ("unit.ssh.service" in spans) == units
    assert "kernel.initcall.acpi_init" in spans


def test_timeline_help_shows_how_to_read_other_logs() -> None:
    shown = CliRunner().invoke(cli, ["timeline", "--help"])
    assert "bootwright timeline --log dmesg.txt --units units.txt" in shown.output
    assert shown.output.index("systemctl show --all '*'") < shown.output.index("systemd-analyze")


def test_a_log_may_come_through_a_pipe_and_be_compressed(log: str) -> None:
    packed = gzip.compress(Path(log).read_bytes())
    done = CliRunner().invoke(cli, ["timeline", "--log", "-"], input=packed)
    assert done.exit_code == 0
    assert "crypto_algapi_init" in done.output


def test_one_pipe_is_not_two_files(bootwright: Cli) -> None:
    assert_refused(
        bootwright("timeline", "--log", "-", "--units", "-"),
        "--log and --units both read the pipe",
        "name a file for one",
    )


def test_what_is_no_log_is_refused_by_its_name(bootwright: Cli, log: str, tmp_path: Path) -> None:
    (tmp_path / "time").write_text("Startup finished in 1.500s (kernel) + 9s (userspace) = 10.5s\n")
    assert_refused(
        bootwright("timeline", "--log", log, "--units", str(tmp_path / "time")),
        "the text about units is systemd-analyze time, which has the length of the boot, "
        "but no unit's start",
        f"use {TAKE_UNITS}",
        status=1,
    )


def test_page_of_a_log_names_its_kernel_host_and_date(
    bootwright: Cli, tmp_path: Path, log: str
) -> None:
    text = Path(log).read_text()
    rtc = "[    0.000002] rtc_cmos 00:05: setting system clock to 2023-11-14T22:13:20 UTC (1)\n"
    dmi = "[    0.000001] DMI: A Vendor A Machine/Board, BIOS 1\n"
    found = tmp_path / "more.txt"
    found.write_text(dmi + rtc + text)
    page = tmp_path / "boot.html"
    done = bootwright("timeline", "--log", str(found), "--html", str(page))
    assert done.status == 0, done.err
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page.read_text()))
    assert facts["date"] == "2023-11-14 22:13"
    assert facts["host"] == "A Vendor A Machine/Board, BIOS 1"
    assert facts["kernel"].startswith("6.1")
