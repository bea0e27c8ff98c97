"""
The sub-command `completion`: a script by which a shell completes the others.

Decided here: the script is made of the parser, and asks nothing of the store. Where no word fits,
a shell completes the name of a file.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bankcore.cli._parser import add, argument


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    shell = argument("shell", f"one of {', '.join(_SCRIPTS)}", choices=sorted(_SCRIPTS))
    text = "Print a script that completes commands in a shell."
    parser = add(commands, "completion", _print_script, text, shell)
    parser.set_defaults(parsers=commands.choices)


def _print_script(parsed: argparse.Namespace) -> None:
    words = {
        name: " ".join(dict.fromkeys(_words_of(parser))) for name, parser in parsed.parsers.items()
    }
    print(_SCRIPTS[parsed.shell](words), end="")


def _words_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield what may follow a sub-command: its options, and the choices of its arguments."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no public name for it
        yield from (each for each in action.option_strings if each.startswith("--"))
        yield from action.choices or ()
        if isinstance(action.choices, Mapping):
            for below in action.choices.values():
                yield from _words_of(below)


def _bash(words: Mapping[str, str]) -> str:
    cases = "".join(f'        {name}) words="{each}" ;;\n' for name, each in words.items())
    return (
        "_bankcore() {\n"
        f'    local words="{" ".join(words)} --help --version"\n'
        '    [ "$COMP_CWORD" -gt 1 ] && case "${COMP_WORDS[1]}" in\n'
        f"{cases}"
        "    esac\n"
        # For bash, and not for zsh, the colon in a scope is a word of its own.
        '    local cur="${COMP_WORDS[COMP_CWORD]}" before=""\n'
        '    if [ "$cur" = : ]; then\n'
        '        before="${COMP_WORDS[COMP_CWORD-1]}:" cur=""\n'
        '    elif [ "${COMP_WORDS[COMP_CWORD-1]}" = : ]; then\n'
        '        before="${COMP_WORDS[COMP_CWORD-2]}:"\n'
        "    fi\n"
        '    COMPREPLY=($(compgen -W "$words" -- "$before$cur"))\n'
        '    COMPREPLY=("${COMPREPLY[@]#"$before"}")\n'
        "}\n"
        "complete -o default -F _bankcore bankcore\n"
    )


def _zsh(words: Mapping[str, str]) -> str:
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(words)}"


def _fish(words: Mapping[str, str]) -> str:
    lines = [f'complete -c bankcore -n __fish_use_subcommand -a "{" ".join(words)}"']
    lines += [
        f'complete -c bankcore -n "__fish_seen_subcommand_from {name}" -a "{each}"'
        for name, each in words.items()
    ]
    return "".join(f"{line}\n" for line in lines)


_SCRIPTS: Final[dict[str, Callable[[Mapping[str, str]], str]]] = {
    "bash": _bash,
    "fish": _fish,
    "zsh": _zsh,
}
