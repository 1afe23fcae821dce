"""The errors that bootwright raises.

    BootwrightError
    ├── InputError          invalid input: a field, an option, a file's syntax
    │   └── NotFoundError   no image, kernel or machine has that name
    ├── FormatError         a file does not have the expected format
    ├── HostError           this host lacks something: a program, space, a permission, a port
    │   └── DeviceError     a loop or device-mapper device is unavailable or still in use
    ├── BuildError          a program that builds something failed (its output is attached)
    ├── VmmError            the VMM did not start, or died
    └── GuestError          the guest died, or never became ready
        └── LostGuestError  the guest went away while a command ran in it

Each says what failed and, in its hint, what to try. Only `cli` turns them into text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Name = TypeVar("Name")
T = TypeVar("T")


class BootwrightError(Exception):
    """Base of all errors that bootwright raises.

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
    """Invalid input from the user."""


class NotFoundError(InputError):
    """Nothing has the given name."""


class FormatError(BootwrightError):
    """A file does not have the expected format."""


class HostError(BootwrightError):
    """This host is missing something that bootwright needs."""


class DeviceError(HostError):
    """A loop or device-mapper device is unavailable or still in use."""


class BuildError(BootwrightError):
    """A program that builds something failed."""


class VmmError(BootwrightError):
    """The VMM did not start, or died."""


class GuestError(BootwrightError):
    """The guest died, or never became ready."""


class LostGuestError(GuestError):
    """The guest went away while a command ran in it."""


def by_name(name: str) -> type[BootwrightError]:
    """Return the error class called *name*, or the base class if there is none.

    A monitor sends errors to its command by class name.
    """
    classes = {BootwrightError.__name__: BootwrightError}
    queue = [BootwrightError]
    while queue:
        for child in queue.pop().__subclasses__():
            classes[child.__name__] = child
            queue.append(child)
    return classes.get(name, BootwrightError)


def find_all(names: Iterable[Name], find: Callable[[Name], T]) -> dict[Name, T]:
    """Apply *find* to every name, before anything is done with one of them.

    Returns:
        What was found, each name once, in the order given.

    Raises:
        InputError: *find* raised it for one name or several; the message has all that it said,
            and that nothing was done if there are several names.
    """
    found: dict[Name, T] = {}
    refused: list[InputError] = []
    for name in dict.fromkeys(names):
        try:
            found[name] = find(name)
        except InputError as error:
            refused.append(error)
    if not refused:
        return found
    message = "; ".join(dict.fromkeys(map(str, refused)))
    if len(found) + len(refused) > 1:
        message += "; nothing was done"
    raise type(refused[0])(
        message, hint=refused[0].hint, evidence=refused[0].evidence
    ) from refused[0]
