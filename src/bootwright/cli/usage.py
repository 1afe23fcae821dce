"""Click's errors of usage as `InputError`s: one style of message over all commands."""

from __future__ import annotations

import re

import click

from bootwright.errors import InputError

_CHOICE = re.compile(r"(.*) is not one of .*", re.DOTALL)
_RANGE = re.compile(r"(.*) is not in the range .*", re.DOTALL)
_COMMAND = re.compile(r"No such command '(.*)'\.?", re.DOTALL)
_HELP = ("--help", "-h")
_USAGE_LENGTH = 140
"""The longest usage that fits the two lines of a hint."""


def translated(error: click.UsageError) -> InputError:
    """Return *error* as an error that names what was given, what is accepted and what to do."""
    context = error.ctx
    path = context.command_path if context else "bootwright"
    match error:
        case click.NoSuchOption():
            return InputError(
                f"{path} has no option {error.option_name}", hint=_option_hint(error, path)
            )
        case click.MissingParameter(param=param) if param is not None:
            values = param.type.choices if isinstance(param.type, click.Choice) else ()
            one_of = f" (one of {', '.join(map(str, values))})" if values else ""
            return InputError(f"{path}: missing {_name(error)}{one_of}", hint=_usage(context))
        case click.BadParameter(param=param) if param is not None:
            return _bad_value(error, param.type, path)
    # Click 8.4 and later has a class for it.
    unknown = _COMMAND.fullmatch(error.message)
    if unknown and context and isinstance(context.command, click.Group):
        return _no_command(unknown[1], context.command.list_commands(context), path)
    if isinstance(error, click.BadOptionUsage) and "requires an argument" in error.message:
        option = error.option_name
        hint = f"{path} --help explains {option}" if context else f"write {option} VALUE"
        return InputError(f"{option} needs a value", hint=hint)
    text = error.format_message().removesuffix(".")
    if text.startswith("Got unexpected extra argument"):
        words = text.partition("(")[2].removesuffix(")")
        return InputError(f"{path}: unexpected argument {words}", hint=_usage(context))
    return InputError(f"{path}: {text[:1].lower()}{text[1:]}", hint=f"{path} --help")


def _no_command(word: str, known: list[str], path: str) -> InputError:
    """Return the error for an unknown command.

    Args:
        word: What was given.
        known: The commands that exist.
        path: The words before it.
    """
    from bootwright import suggest

    near = suggest.nearest(word, known)
    return InputError(
        f"{path} has no command {word!r}",
        hint=f"did you mean {near!r}? {path} {near} --help"
        if near
        else f"{path} --help lists them",
    )


def _option_hint(error: click.NoSuchOption, path: str) -> str:
    from bootwright import suggest

    known = []
    if error.ctx:
        known = [name for param in error.ctx.command.get_params(error.ctx) for name in param.opts]
    near = suggest.nearest(error.option_name, (n for n in known if n[0] == "-" and n not in _HELP))
    return f"did you mean {near}?" if near else f"{path} --help lists its options"


def _bad_value(error: click.BadParameter, kind: click.ParamType[object], path: str) -> InputError:
    text, name = error.message.removesuffix("."), _name(error)
    if isinstance(kind, click.Choice) and (found := _CHOICE.fullmatch(text)):
        from bootwright import suggest

        values = [str(value) for value in kind.choices]
        near = suggest.nearest(found[1].strip("'"), values)
        return InputError(
            f"{name} is {found[1]}, but must be one of {', '.join(values)}",
            hint=f"did you mean {near!r}?" if near else f"{path} --help explains {name}",
        )
    if isinstance(kind, click.IntRange | click.FloatRange) and (found := _RANGE.fullmatch(text)):
        return InputError(f"{name} is {found[1]}, which is out of range", hint=_range(kind))
    if "is not a valid" in text:
        given, _, what = text.partition(" is not a valid ")
        whole = "integer" in what
        example = _range(kind) if isinstance(kind, click.IntRange | click.FloatRange) else ""
        return InputError(
            f"{name} is {given}, but must be a {'whole ' if whole else ''}number",
            hint=example or f"such as {name} {2 if whole else 1.5}",
        )
    return InputError(
        f"{name}: {text[:1].lower()}{text[1:]}", hint=f"{path} --help explains {name}"
    )


def _range(kind: click.IntRange | click.FloatRange) -> str:
    what = "a whole number" if isinstance(kind, click.IntRange) else "a number"
    lowest, highest = (None if one is None else f"{one:g}" for one in (kind.min, kind.max))
    if kind.max is not None and kind.max > 1 << 60:
        highest = None  # what a file's format ends at: nobody counts so far
    if lowest is None:
        return f"use {what}, at most {highest}"
    if highest is None:
        return f"use {what} above {lowest}" if kind.min_open else f"use {what}, {lowest} or more"
    return f"use {what} from {lowest} to {highest}"


def _name(error: click.BadParameter) -> str:
    """Return the parameter as it is typed: its longest option, or the argument's word."""
    param = error.param
    assert param is not None
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    if isinstance(param.type, click.Choice) or error.ctx is None:
        return param.human_readable_name.upper()  # its metavar is the list of what it accepts
    return param.make_metavar(error.ctx).strip("[]")


def _usage(context: click.Context | None) -> str:
    if context is None:
        return "bootwright --help"
    pieces = context.command.collect_usage_pieces(context)
    needed = [
        f"{max(param.opts, key=len)} {param.make_metavar(context)}"
        for param in context.command.get_params(context)
        if isinstance(param, click.Option) and param.required
    ]
    words = [context.command_path, *(piece for piece in pieces if piece != "[OPTIONS]"), *needed]
    usage = " ".join(words)
    return f"usage: {usage}" if len(usage) <= _USAGE_LENGTH else f"{context.command_path} --help"
