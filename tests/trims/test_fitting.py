"""Whether a trim fits what boots with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.trims import fitting
from bootwright.trims.trim import Mask, Trim

_WEB, _DB = Digest("sha256-" + "1" * 64), Digest("sha256-" + "2" * 64)
_TRIM = Trim(name="small", image=_WEB, keep=(), masks=(Mask(unit="cron.service", reason="x"),))


def test_fitting_refuses_a_trim_that_masks_the_ssh_server() -> None:
    fitting.check_login(_TRIM)
    for unit in ("ssh.service", "sshd.service", "ssh.socket"):
        deaf = replace(_TRIM, masks=(*_TRIM.masks, Mask(unit=unit, reason="x")))
        with pytest.raises(InputError, match=f"^trim 'small' masks {unit}, so nobody") as bad:
            fitting.check_login(deaf)
        assert bad.value.hint == f"make it again with --keep {unit}"


def test_fitting_names_the_image_that_a_trim_was_made_from(home: Home) -> None:
    for name, digest in (("web", _WEB), ("db", _DB)):
        image_store(home).path(digest).mkdir(parents=True)
        image_store(home).tag(name, digest)
    assert fitting.note_of_other_image(home, _TRIM, _WEB) == ""
    assert fitting.note_of_other_image(home, _TRIM, _DB) == (
        "trim 'small' was made from image web, not from db: it may mask what db needs, and keep "
        "what it does not; bootwright trim db makes its own"
    )
    image_store(home).untag("web")
    assert "was made from an image without a name, not from db" in (
        fitting.note_of_other_image(home, _TRIM, _DB)
    )
