"""Every failure that bootwright foresees.

    BootwrightError
    ├── InputError          what the user gave cannot be used: a field, an option, a file's syntax
    │   └── NotFoundError   no image, kernel or machine goes by that name
    ├── FormatError         a file is not the kind of thing it was given as
    ├── HostError           this host lacks something: a program, space, a permission, a free port
    │   └── DeviceError     a loop or device-mapper device cannot be had, or is still in use
    ├── BuildError          a program that builds something failed (its output is attached)
    ├── VmmError            the VMM did not start, or died by itself
    └── GuestError          the guest died, or never became ready
        └── LostGuestError  the guest went away while a command ran in it

Each says what failed and, in its hint, what to try. Only `cli` turns them into text.
"""

from __future__ import annotations


class BootwrightError(Exception):
    """Base of every failure we foresee.

    Args:
        message: What failed, with the value that was given.
        hint: What to try next; one sentence, without a full stop.
        evidence: The last lines of a log, printed below the message.
    """

    def __init__(self, message: str, *, hint: str = "", evidence: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.evidence = evidence


class InputError(BootwrightError):
    """What the user gave cannot be used."""


class NotFoundError(InputError):
    """Nothing goes by the name that was given."""


class FormatError(BootwrightError):
    """A file is not the kind of thing it was given as."""


class HostError(BootwrightError):
    """This host lacks something that is needed."""


class DeviceError(HostError):
    """A loop or device-mapper device cannot be had, or somebody still uses it."""


class BuildError(BootwrightError):
    """A program that builds something failed."""


class VmmError(BootwrightError):
    """The VMM did not start, or died by itself."""


class GuestError(BootwrightError):
    """The guest died, or never became ready."""


class LostGuestError(GuestError):
    """The guest went away while a command ran in it."""


def by_name(name: str) -> type[BootwrightError]:
    """Return the error class called *name*, or the base class where there is none.

    Errors cross from a machine's monitor process to the command by name.
    """
    classes = {BootwrightError.__name__: BootwrightError}
    queue = [BootwrightError]
    while queue:
        for child in queue.pop().__subclasses__():
            classes[child.__name__] = child
            queue.append(child)
    return classes.get(name, BootwrightError)
