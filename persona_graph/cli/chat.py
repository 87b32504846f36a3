"""`persona chat`: talk, and watch it think, look into memory and answer."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from persona_graph.cli.edge import Model, Store, User, edge_of, escaped, need_model, open_persona, sentence
from persona_graph.cli.views.style import console, counted, errors
from persona_graph.errors import InputError, ModelUnavailable, PersonaError, StoreAway

if TYPE_CHECKING:
    from persona_graph.service import Persona
    from persona_graph.settings import Settings

HELP = """\
  [bold]/image PATH [WORDS][/]  send an image, with words now or with your next message
  [bold]/why[/]                 what the last answer read, from when, and why
  [bold]/again[/]               answer once more what could not be answered
  [bold]/help[/]                this
  [bold]/quit[/]                stop (also Ctrl-D)"""

QUIT = ("/quit", "/exit")


def chat(
    ctx: typer.Context,
    message: Annotated[str | None, typer.Argument(help="One message; a conversation otherwise.")] = None,
    image: Annotated[list[Path] | None, typer.Option("--image", help="Goes with the first message.")] = None,
    user: User = None,
    store: Store = None,
    model: Model = None,
) -> None:
    """Talk to the assistant. Reads lines from a pipe too."""
    settings = edge_of(ctx).settings(user=user, store=store, model=model)
    need_model(settings)
    with open_persona(settings) as persona:
        talk = Conversation(persona, settings, images=list(image or ()))
        if message is not None:
            talk.once(message)
        else:
            talk.run()
        finish(persona, settings)


@dataclass(slots=True)
class Conversation:
    """One run of `persona chat`."""

    persona: Persona
    settings: Settings
    images: list[Path] = field(default_factory=list)
    """They go with the next message."""
    unanswered: str = ""
    """A turn whose model could not be reached."""

    def run(self) -> None:
        """Read messages and commands until there are no more; an error is told and the conversation goes on."""
        self._greet()
        while (line := _read()) is not None and line not in QUIT:
            try:
                self._do(line)
            except (ModelUnavailable, StoreAway, InputError, LookupError) as error:
                if not isinstance(error, PersonaError):
                    raise
                errors.print(f"  [bad]{escaped(sentence(error))}[/]", soft_wrap=True)
        if self.images and line is None and not sys.stdin.isatty():
            self.say("")
        elif self.images:
            names = ", ".join(path.name for path in self.images)
            errors.print(f"  [yellow]not sent: {escaped(names)}[/]", soft_wrap=True)

    def once(self, line: str) -> None:
        """Do one message or command, and send the images that still wait."""
        if line.strip().startswith("/"):
            if line.strip() not in QUIT:
                self._do(line.strip())
        else:
            self.say(line)
        if self.images:
            self.say("")

    def say(self, message: str) -> None:
        """Send a message, with the images that wait."""
        from persona_graph.cli.views.turn import TurnView

        images, self.images = self.images, []
        try:
            with TurnView(console, self.settings.zone) as view:
                self.persona.chat(self.settings.user, message, images=images, on_event=view)
        except ModelUnavailable:
            self._remember_unanswered()
            raise
        console.print()

    def _do(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        match command:
            case "":
                return
            case "/help":
                console.print(HELP)
            case "/why":
                self._why()
            case "/again":
                self._again()
            case "/image":
                self._image(rest)
            case _ if command.startswith("/") and not command.startswith("//"):
                raise InputError(f"{command} is no command; /help lists them (// begins a message with a slash)")
            case _:
                self.say(line.removeprefix("/") if line.startswith("//") else line)

    def _image(self, rest: str) -> None:
        path, words = split_path(rest)
        if not os.path.isfile(path):
            raise InputError(f"there is no file {str(path)[:200]!r}; write /image PATH, in quotes when it has spaces")
        self.images.append(path)
        if words:
            self.say(words)
        else:
            size = max(1, round(path.stat().st_size / 1000))
            console.print(
                f"  kept {path.name}, {size} kB; it goes with your next message.",
                style="faint",
                markup=False,
                soft_wrap=True,
            )

    def _why(self) -> None:
        from persona_graph.cli.show import print_receipt

        print_receipt(self.persona, self.settings.user, self.persona.receipt(self.settings.user), self.settings.zone)
        console.print()

    def _again(self) -> None:
        from persona_graph.cli.views.turn import TurnView

        self._remember_unanswered()
        if not self.unanswered:
            raise InputError("every message is answered")
        with TurnView(console, self.settings.zone) as view:
            self.persona.answer_again(self.settings.user, self.unanswered, on_event=view)
        self.unanswered = ""
        console.print()

    def _greet(self) -> None:
        settings = self.settings
        if not sys.stdin.isatty():
            return
        line = Text(f"{settings.user}", "you").append(f" with {settings.model}, memory in {settings.store}", "faint")
        console.print(line.append("   /help for commands\n", "faint"))
        self._remember_unanswered()
        if self.unanswered:
            console.print("  Your last message was not answered; /again does.\n", style="yellow")

    def _remember_unanswered(self) -> None:
        self.unanswered = self.persona.unanswered(self.settings.user)


def finish(persona: Persona, settings: Settings) -> None:
    """Wait for the updates that are due, saying so; with memory away they wait themselves."""
    try:
        _finish(persona, settings)
    except StoreAway:
        console.print(
            "Memory cannot be reached: what you said is kept on this machine and delivered when it is back.",
            style="yellow",
        )


def _finish(persona: Persona, settings: Settings) -> None:
    """Those of the open session wait for an hour of silence."""
    from persona_graph.blocking import background
    from persona_graph.options import Updates

    now = persona.engine.clock()
    jobs = background.run(persona.engine.store.jobs(settings.user))
    due = sum(not job.parked and job.not_before <= now for job in jobs)
    if due and settings.behaviour.updates is Updates.OFF:
        console.print(f"{counted(due, 'update')} left to `persona worker`.", style="faint")
    elif due:
        doing = f"finishing {counted(due, 'update')} ..."
        try:
            with console.status(doing):
                if not console.is_terminal:
                    console.print(doing, style="faint")
                persona.flush(settings.user)
            console.print(f"{doing} done" if console.is_terminal else "done", style="faint")
        except KeyboardInterrupt:
            console.print("Stopped; they are kept, and `persona worker` or the next chat writes them.", style="faint")
    if parked := persona.problems(settings.user):
        console.print(f"{counted(len(parked), 'update')} failed; `persona problems` shows why.", style="yellow")


def split_path(rest: str) -> tuple[Path, str]:
    """A path, in quotes when it has spaces, and the words behind it."""
    try:
        pieces = shlex.split(rest, posix=sys.platform != "win32")
    except ValueError:
        pieces = rest.split()
    if not pieces:
        raise InputError("/image needs a file: /image PATH")
    return Path(pieces[0].strip("\"'")).expanduser(), " ".join(pieces[1:])


def _read() -> str | None:
    """The next line, None at the end of the input."""
    try:
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if line.strip():
                console.print(Text("      you ", "you").append(line.strip(), "default"))
            return line.strip() if line else None
        return input(_prompt()).strip()
    except (EOFError, KeyboardInterrupt):
        console.print()
        return None


def _prompt() -> str:
    """The prompt as line editing needs it: given whole, with the colours marked as taking no room."""
    with console.capture() as shown:
        console.print("      you ", style="you", end="")
    try:
        import readline  # noqa: F401  (line editing and history where the platform has it)
    except ImportError:
        return shown.get()
    return re.sub(r"((?:\x1b\[[0-9;]*m)+)", "\001\\1\002", shown.get())
