"""What a text is: every form is told from the others, unpacked, or refused by its name."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.timelines.forms import FORMS, decoded, form_of, plain, refused
from tests.timelines import klogs
from tests.timelines.recorded import recorded

SAMPLES = {
    "systemctl show": "Id=a.service\nActiveState=active\n",
    "systemctl show of the manager alone": "Version=252\nUserspaceTimestampMonotonic=99\n",
    "systemd-analyze dump": "Manager: systemd 252\n-> Unit a.service:\n\tDescription: A\n",
    "systemd-analyze plot": '<svg>\n<rect class="activating" x="1.0" y="0.000" width="2.0"/>\n',
    "systemd-analyze plot --json": '[{"name":"a.service","activated":1,"activating":12}]\n',
    "systemd-analyze critical-chain": "graphical.target @2.5s\n└─a.service @1.5s +1.000s\n",
    "systemd-analyze blame": "1min 2.5s a.service\n    120ms b.mount\n",
    "dmesg --json": '{\n   "dmesg": [\n      {"pri":5,"time":"0.000000","msg":"x"}]\n}\n',
    "journalctl -o json": '{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x"}\n',
    "journalctl -o export": "__CURSOR=s=1\n__REALTIME_TIMESTAMP=5\nMESSAGE=x\n",
    "journalctl -o verbose": "Fri 2025-01-03 10:00:00.5 CET [s=0a;i=1;b=2;m=3]\n    MESSAGE=x\n",
    "dmesg": "[    0.000000] Linux version 6.9\n",
    "dmesg -H": "[Feb 3 09:01] Linux version 6.9\n[  +0.200000] x\n",
    "dmesg --time-format iso, or journalctl -o short-iso-precise": (
        "2025-02-03T09:01:02,500000+01:00 Linux version 6.9\n"
    ),
    "journalctl -o short-unix": "1738571234.500000 box kernel: Linux version 6.9\n",
    "journalctl -o short-precise": "Feb 03 09:01:02.500000 box kernel: Linux version 6.9\n",
    "dmesg -T": "[Mon Feb  3 09:01:02 2025] Linux version 6.9\n",
    "journalctl -o short": "Feb 03 09:01:02 box kernel: Linux version 6.9\n",
    "dmesg -t, or a console without times": "Linux version 6.9\nMemory: 5K\n",
    "systemd-analyze time": "Startup finished in 2s (kernel) + 3s (userspace) = 5s\n",
    "systemctl list-units": "  UNIT      LOAD   ACTIVE SUB     DESCRIPTION\n  a.service loaded\n",
    "systemctl list-unit-files": "UNIT FILE  STATE   PRESET\na.service  enabled enabled\n",
    "systemctl list-jobs": "JOB UNIT      TYPE  STATE\n  7 a.service start running\n",
    "systemctl list-timers": "NEXT  LEFT  LAST  PASSED UNIT\n-  -  -  - a.timer\n",
    "systemd-analyze security": "UNIT      EXPOSURE PREDICATE\na.service      9.2 UNSAFE\n",
    "systemd-analyze dot": "digraph systemd {\n",
    "systemctl status": "● a.service - A\n     Loaded: loaded (/etc/a.service; enabled)\n",
    "systemctl list-dependencies": "default.target\n● ├─a.service\n",
    "a unit file": "[Unit]\nDescription=A\n[Service]\nExecStart=/bin/a\n",
    "an ftrace trace": "# tracer: function\n#\n",
    "an HTML page": "<!DOCTYPE html>\n<html></html>\n",
    "a boot loader's output": "U-Boot 2024.01 (Jan 02 2024)\nDRAM:  2 GiB\n",
}


def test_there_is_a_sample_of_every_form() -> None:
    assert [form.name for form in FORMS if form.name not in SAMPLES] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_form_of_each_sample(name: str) -> None:
    form = form_of(SAMPLES[name])
    assert form is not None
    assert form.name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2025-02-03T09:01:02.500000+0100 box kernel: Linux\n", "dmesg --time-format iso"),
        ("2025-02-03T09:01:02+0100 box kernel: Linux\n", "journalctl -o short"),
        ("Mon 2025-02-03 09:01:02 CET box kernel: Linux\n", "journalctl -o short"),
        ("[    0.100000 <    0.100000>] x\n", "dmesg"),
        ("[    0.100000][    T1] x\n", "dmesg"),
        ("<6>[    0.100000] x\n", "dmesg"),
        ("kern  :info  : [    0.100000] x\n", "dmesg"),
        ("kern  :info  : [Mon Feb  3 09:01:02 2025] x\n", "dmesg -T"),
        ("Feb  3 09:01:02 box kernel: [    0.100000] x\n", "dmesg"),
        ("6,339,5140900,-;NET: Registered\n", "dmesg"),
        ("[<    0.000000>] x\n[<    0.100000>] y\n", "dmesg -H"),
    ],
)
def test_form_of_variants(text: str, name: str) -> None:
    form = form_of(text)
    assert form is not None
    assert form.name.startswith(name)


def test_a_quoted_stamp_does_not_make_a_journal_a_dmesg() -> None:
    lines = [f"Feb 03 09:01:02.{n:06} box kernel: line {n}" for n in range(50)]
    form = form_of("\n".join([*lines, "Feb 03 09:01:03.000000 box app[7]: saw [    1.000000] x"]))
    assert form is not None
    assert form.name == "journalctl -o short-precise"


@pytest.mark.parametrize("name", klogs.ALL)
def test_form_of_real_logs(name: str) -> None:
    form = form_of(klogs.text(name))
    assert form is not None
    assert form.name == "dmesg"


@pytest.mark.parametrize("release", ["debian-12", "debian-13"])
def test_form_of_what_systemd_really_printed(release: str) -> None:
    texts = recorded(release)
    names = {
        "show": "systemctl show",
        "dump": "systemd-analyze dump",
        "blame": "systemd-analyze blame",
        "chain": "systemd-analyze critical-chain",
        "time": "systemd-analyze time",
        "manager": "systemctl show of the manager alone",
    }
    for key, name in names.items():
        form = form_of(texts[key])
        assert form is not None, key
        assert form.name == name


def test_refusals_name_the_form_and_the_way_out() -> None:
    def told(sample: str, wanted: str) -> tuple[str, str]:
        error = refused(form_of(SAMPLES[sample]), "it", "log" if wanted == "log" else "units")
        return str(error), error.hint

    assert told("a unit file", "units") == (
        "it is a unit file, which says what a unit does, not when it did",
        "use systemctl show --all '*' >units.txt",
    )
    assert told("systemd-analyze blame", "log")[1].startswith(
        "pass it to --units, and for --log use: "
    )
    assert told("dmesg", "units")[1].startswith("pass it to --log, and for --units use: ")
    assert told("dmesg -T", "log") == (
        "it is dmesg -T, which has whole seconds only",
        "use dmesg >dmesg.txt, without -T",
    )
    assert told("journalctl -o short", "log")[1] == (
        "use journalctl -k -o short-monotonic >dmesg.txt"
    )
    assert str(refused(None, "it", "log")) == "it does not hold a kernel log"


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, bz2.compress, zstandard.ZstdCompressor().compress]
)
def test_compressed_text_is_unpacked(pack: object) -> None:
    text = "[    0.000000] Linux version 6.9\n" * 99
    assert callable(pack)
    assert decoded(pack(text.encode())) == text


def test_text_in_other_encodings_is_read() -> None:
    assert decoded("é\n".encode()) == "é\n"
    assert decoded("\ufeffé\n".encode()) == "é\n"
    assert decoded("\ufeffé\n".encode("utf-16-le")) == "é\n"
    assert decoded(b"\xff\xfe") == ""
    assert decoded(b"a\xffb") == "a\ufffdb"


def test_several_gzip_members_are_one_text() -> None:
    assert decoded(gzip.compress(b"a\n") + gzip.compress(b"b\n")) == "a\nb\n"


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, bz2.compress, zstandard.ZstdCompressor().compress]
)
def test_compressed_text_that_is_torn_is_an_error(pack: object) -> None:
    assert callable(pack)
    with pytest.raises(FormatError) as bad:
        decoded(pack(b"x" * 9999)[:-9], "the log")
    assert str(bad.value).startswith("the log is compressed (")
    assert bad.value.hint == "it may be truncated: copy it again"


def test_plain_takes_long_lines_in_its_stride() -> None:
    assert plain("x" + " " * 1_000_000 + "y") == "x" + " " * 1_000_000 + "y"
    assert plain("> a \r\n> b\t\n") == "a\nb\n"
    assert plain("a\n> b\nc\n") == "a\n> b\nc\n"


def test_a_journal_file_is_refused() -> None:
    with pytest.raises(FormatError) as bad:
        decoded(b"LPKSHHRH\x00\x00", "the log")
    assert str(bad.value) == "the log is a file of systemd's journal"
    assert bad.value.hint == "journalctl --file FILE -k -o short-monotonic >dmesg.txt"


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for head in (b"", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"):
        try:
            form_of(decoded(head + data))
        except FormatError:
            continue
