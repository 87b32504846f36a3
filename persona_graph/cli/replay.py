"""`persona answer-without`: an answer of the past once more, without some of what it may have rested on."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from persona_graph.cli.edge import Json, Model, Store, User, edge_of, need_model, need_user, one_id, open_persona
from persona_graph.cli.views.style import console, sheet, when
from persona_graph.conversation import Role, TurnState
from persona_graph.errors import InputError


def answer_without(
    ctx: typer.Context,
    turn: Annotated[str, typer.Argument(metavar="TURN", help="The turn that was answered, by its id.")],
    without: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Memories and turns to leave out, by their ids.")
    ] = None,
    user: User = None,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Give an answer once more, as things were known then, without these memories and turns. Nothing is written."""
    settings = edge_of(ctx).settings(user=user, store=store, model=model, options={"updates": "off"})
    need_model(settings)
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        turns = {one.id: one for one in persona.turns(settings.user)}
        asked = turns[one_id(turn, turns, "turn")]
        if asked.state is not TurnState.ANSWERED:
            raise InputError(f"the turn {turn!r} has no answer to compare with; `persona chat` and /again give it one")
        things: dict[str, Any] = {memory.id: memory for memory in persona.memories(settings.user, history=True)} | turns
        left_out = [things[one_id(id, things, "turn or memory")] for id in without or ()]
        reply = persona.answer_without(settings.user, asked.id, [thing.id for thing in left_out])
    then = asked.said_by(Role.ASSISTANT)
    from persona_graph.cli.views.things import json_of, listing, rows_of, said
    from persona_graph.receipt import read_set

    read = {ref.partition("@")[0] for ref in read_set(asked.receipt)}
    if as_json:
        rows = [json_of(thing) | {"was_read": thing.id in read} for thing in left_out]
        told = {"turn": asked.id, "then": then, "without": reply.text, "left_out": rows, "receipt": reply.receipt}
        console.print_json(json.dumps(told, ensure_ascii=False))
        return
    from persona_graph.cli.views.receipt import cost

    console.print(Text(f"{when(asked.at, settings.zone)}  ", "faint").append(said(asked), "you"), "")
    answers = sheet("answered then", "without these" if left_out else "answered now")
    for column in answers.columns:
        column.ratio, column.header_style = 1, "head"
    answers.expand = True
    answers.add_row(Text(then), Text(reply.text))
    console.print(answers, "")
    if left_out:
        notes = {thing.id: "" if thing.id in read else "was not read then" for thing in left_out}
        console.print(Text("Left out", "head"), listing(rows_of(left_out, settings.zone, notes)), "")
    console.print(cost(reply.receipt))
