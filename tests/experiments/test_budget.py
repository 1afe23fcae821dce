"""Budget files: what is read, what is refused, and the baseline beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootwright.cli.check import command
from bootwright.errors import HostError, InputError
from bootwright.experiments import baseline, budget
from bootwright.host.fingerprint import Fingerprint
from tests.experiments import measured

EXAMPLE = Path(__file__).parents[2] / "examples/budget.toml"


def written(path: Path, text: str) -> Path:
    file = path / "budget.toml"
    file.write_text(text)
    return file


def test_budget_read_of_the_example() -> None:
    [kernel] = budget.read(EXAMPLE).boot
    assert (kernel.draft.tiny, kernel.draft.clock) == (True, "virtual")
    assert (kernel.boots, kernel.tolerance) == (6, "2%")
    assert budget.time_ns(kernel.budget["whole"], "") == 600_000_000
    assert budget.draft_of(kernel, EXAMPLE.parent).image is None


def test_budget_draft_of_prefers_the_boot_to_the_file_head(tmp_path: Path) -> None:
    (tmp_path / "web.toml").write_text('image = "web"\nmemory = 256\n')
    file = written(
        tmp_path,
        'clock = "virtual"\n[[boot]]\nname = "a"\nrecipe = "web.toml"\nclock = "wall"\n'
        'boots = 3\nmemory = "1G"\nwith = ["mask=cron.service"]\ntolerance = "5ms"\n',
    )
    [one] = budget.read(file).boot
    draft = budget.draft_of(one, tmp_path)
    assert (one.boots, one.tolerance, one.with_) == (3, "5ms", ("mask=cron.service",))
    assert (draft.image, draft.memory_mib, draft.clock) == ("web", 1024, "wall")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boot = 1", "boot is 1, which is not accepted"),
        ("boot = []", "has no [[boot]]"),
        ('[[boot]]\nname = "a"\nimgae = "web"', "there is no field 'imgae'"),
        ('[[boot]]\nname = "a"\ninit = "upstart"', "boot 'a': init is 'upstart', but must be one"),
        ('[[boot]]\nname = "a"', "boot 'a': expected exactly one of image, recipe or tiny"),
        (
            '[[boot]]\nname = "a"\ntiny = true\nimage = "web"',
            "expected exactly one of image, recipe or tiny",
        ),
        ('[[boot]]\nname = "a"\ntiny = true\nboots = 0', "boot 'a': invalid boots 0"),
        ('[[boot]]\nname = "a"\ntiny = true\n' * 2, "names must be unique and not empty"),
        (
            '[[boot]]\nname = "a"\ntiny = true\nbudget = { whole = "9" }',
            "budget of whole: invalid time '9'",
        ),
        (
            '[[boot]]\nname = "a"\ntiny = true\nbudget = { whole = "9%" }',
            "budget of whole: invalid time '9%'",
        ),
        ('[[boot]]\nname = "a"\ntiny = true\ntolerance = "x"', "tolerance: invalid value 'x'"),
        ("boot", "is not valid TOML"),
    ],
)
def test_budget_read_refuses_invalid_files(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        budget.read(written(tmp_path, text))
    assert message in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('boots = "ten"', "such as boots = 10"),
        ('budget = "1s"', 'such as budget = { whole = "1.5s" }'),
        ("budget = { whole = 5 }", 'such as budget = { whole = "1.5s" }'),
        ("tolerance = 5", 'such as tolerance = "2%"'),
        ('with = "memory=1G"', 'such as with = ["memory=1G"]'),
        ('timeout-s = "5"', "such as timeout-s = 60"),
        ("memory = 1.5", 'such as memory = "512M", or --memory 512M as an option'),
        ('clock = "virtal"', "did you mean 'virtual'?"),
        ("tolerence = 5", "did you mean 'tolerance'?"),
    ],
)
def test_budget_read_hints_at_the_form_of_a_field(line: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        budget.read(written(tmp_path, f'[[boot]]\nname = "a"\ntiny = true\n{line}\n'))
    assert line.partition(" ")[0] in str(caught.value)
    assert caught.value.hint == hint


def test_budget_read_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the budget .*No such file"):
        budget.read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "of_ns", "tolerated_ns"),
    [
        ("2%", 1_000_000_000, 20_000_000),
        ("2%", 10_000_000, 1_000_000),  # a share is a millisecond at least
        ("500us", 1_000_000_000, 500_000),
        ("0ms", 1_000_000_000, 0),
        ("0.5 s", 0, 500_000_000),
    ],
)
def test_tolerated_ns_of_times_and_shares(text: str, of_ns: int, tolerated_ns: int) -> None:
    assert budget.tolerated_ns(text, of_ns) == tolerated_ns


def test_baseline_read_returns_what_write_wrote(tmp_path: Path) -> None:
    path = baseline.path_of(tmp_path / "budget.toml")
    assert path.name == "budget.baseline.toml"
    assert baseline.read(path) == {}
    kept = {"web server": baseline.of(measured.measurement([100, 102, 101]))}
    baseline.write(path, kept)
    [read] = baseline.read(path).values()
    assert read.median_ns == {"kernel": 100_000_000, "initramfs": 1_000_000, "whole": 101_000_000}
    assert (read.boots, read.first_seed, read.clock) == (3, 1, "virtual")
    # TOML has no null: the recipe has no image.
    recipe = kept["web server"].recipe
    assert read.recipe == {key: value for key, value in recipe.items() if value is not None}
    assert list(tmp_path.iterdir()) == [path]


def test_baseline_read_refuses_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "budget.baseline.toml"
    path.write_text("version = 1\n[boot.web]\nboots = 3\n")
    with pytest.raises(InputError, match=r"is damaged: .*missing required field"):
        baseline.read(path)
    path.write_text("version = 2\n")
    with pytest.raises(InputError, match="has version 2; this bootwright supports up to 1"):
        baseline.read(path)


def test_baseline_write_names_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot write the baseline"):
        baseline.write(tmp_path / "none" / "b.toml", {})
    with pytest.raises(HostError, match="its folder is not writable"):
        baseline.check_writable(tmp_path / "none" / "b.toml")


def test_baseline_compares_only_with_like_measurements() -> None:
    virtual = baseline.of(measured.measurement([100, 102, 101]))
    here, there = Fingerprint(cpu="A CPU", cpus=2), Fingerprint(cpu="B CPU", cpus=2)
    assert baseline.why_apart(virtual, "virtual", "tcg", there) == ""
    assert "of the virtual clock, this run uses the wall clock" in baseline.why_apart(
        virtual, "wall", "tcg", here
    )
    wall = baseline.Baseline(
        clock="wall",
        boots=3,
        bootwright="0",
        median_ns={"whole": 1},
        host=baseline.Host(cpu="A CPU", cpus=2),
        recipe={"accelerator": "tcg"},
    )
    assert baseline.why_apart(wall, "wall", "tcg", here) == ""
    assert "taken on 2 x A CPU, this host has 2 x B CPU" in baseline.why_apart(
        wall, "wall", "tcg", there
    )
    assert "its baseline ran on tcg, this run uses kvm" in baseline.why_apart(
        wall, "wall", "kvm", here
    )


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_example_workflows_call_existing_commands(name: str) -> None:
    text = (EXAMPLE.parent / name).read_text()
    [words] = re.findall(r"^[^#\n]*bin/bootwright (check [^\n>]*(?:\n +--[^\n>]*)?)", text, re.M)
    context = command.make_context("check", words.split()[1:])
    assert context.params["budget"] == Path("budget.toml")
    assert context.params["junit"] == Path("boot-time.xml")
    assert not re.search(r"/dev/kvm|privileged: true", text)
