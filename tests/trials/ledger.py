"""`Ledger`: what one user was promised, from what a child announced; and what of it a store does not hold.

What a kill caught in the middle may have happened or not, but must be whole: `settle` looks which, once, and from
then on the store is held to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.memory.operations import Delete, Update
from tests.trials.announcements import ERASES, Announcement, Done, Errand, Started, Updated, moment
from tests.trials.findings import Findings, undone_work
from tests.trials.holdings import Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A turn that must be there."""

    started: Started
    turn: str
    answer: str | None = None
    """None while it waits for one."""

    def is_kept(self, turn: Turn) -> bool:
        """Whether a turn of the store is this one, with its texts, image and state."""
        said = [message for message in turn.messages if message.role is Role.PERSON]
        answers = [message.text for message in turn.messages if message.role is Role.ASSISTANT]
        return (
            turn.id == self.turn
            and turn.at == moment(self.started.number)
            and turn.state is (TurnState.ASKED if self.answer is None else TurnState.ANSWERED)
            and [_content(message) for message in said] == [(self.started.text, self.started.image)]
            and answers == ([] if self.answer is None else [self.answer])
            and bool(turn.receipt) is (self.answer is not None)
        )


def _content(message: Message) -> tuple[str, str]:
    return message.text, "".join(image.digest for image in message.images)


@dataclass(slots=True)
class Ledger:
    """What one user was promised."""

    user: str
    told: dict[str, Told] = field(default_factory=dict)
    """Turns that must be there, by id, in their order."""
    gone: set[str] = field(default_factory=set)
    """Turns that were erased."""
    images_gone: set[str] = field(default_factory=set)
    """Images of a user who was erased."""
    images_left: set[str] = field(default_factory=set)
    """Images of turns that were erased."""
    forgotten: set[str] = field(default_factory=set)
    """Memories that were forgotten."""
    by_hand: set[str] = field(default_factory=set)
    """Corrections, by what they say, since the last erase."""
    updates: Counter[tuple[str, frozenset[str]]] = field(default_factory=Counter)
    """Commits of jobs (name, turns) since the last erase: an erase takes what rests on it and does it again."""
    erased: bool = False
    """Whether turns were ever erased."""
    flying: dict[int, Started] = field(default_factory=dict)
    """Errands that are not acknowledged."""

    def note(self, news: Announcement) -> None:
        """Take in what a child says."""
        match news:
            case Started():
                self.flying[news.number] = news
                if news.errand in ERASES:
                    self.updates.clear()
                    self.by_hand.clear()
            case Updated():
                self.updates[news.job, frozenset(news.turns)] += 1
            case Done():
                self._done(self.flying.pop(news.number), news)

    def _done(self, started: Started, news: Done) -> None:
        match started.errand:
            case Errand.CHAT:
                self.told[news.turn] = Told(started=started, turn=news.turn, answer=news.answer)
            case Errand.AGAIN:
                self.told[news.turn] = replace(self.told[news.turn], answer=news.answer)
            case Errand.CORRECT:
                self.by_hand.add(started.text)
            case Errand.FORGET_MEMORY:
                self.forgotten.add(started.memory)
            case Errand.FORGET_TURN | Errand.FORGET_WINDOW:
                self._erase(started)
            case Errand.FORGET_USER:
                self._erase_user(acknowledged=True)

    def _erase(self, started: Started) -> None:
        taken = [self.told.pop(turn) for turn in started.turns]
        self.gone.update(started.turns)
        self.images_left.update(one.started.image for one in taken if one.started.image)
        self.erased = True

    def _erase_user(self, *, acknowledged: bool) -> None:
        images = {one.started.image for one in self.told.values() if one.started.image}
        if acknowledged:
            self.images_gone |= images | self.images_left
            self.images_left = set()
        else:
            self.images_left |= images
        self.gone.update(self.told)
        self.told.clear()
        self.forgotten.clear()
        self.erased = False

    def settle(self, held: Holdings) -> Findings:
        """Find out what became of the errands that were not acknowledged; what is half done is lost."""
        found = Findings()
        for started in self.flying.values():
            match started.errand:
                case Errand.CHAT:
                    self._settle_chat(started, held)
                case Errand.AGAIN:
                    self._settle_again(started, held)
                case Errand.CORRECT | Errand.FORGET_MEMORY:
                    found.lost += self._settle_by_hand(started, held)
                case Errand.FORGET_TURN | Errand.FORGET_WINDOW:
                    found.lost += self._settle_erase(started, held, started.turns)
                case Errand.FORGET_USER:
                    found.lost += self._settle_erase(started, held, tuple(self.told))
        self.flying.clear()
        return found

    def _settle_chat(self, started: Started, held: Holdings) -> None:
        for turn in held.turns:
            if _content(turn.messages[0])[0] == started.text:
                answer = turn.messages[-1].text if turn.state is TurnState.ANSWERED else None
                self.told[turn.id] = Told(started=started, turn=turn.id, answer=answer)

    def _settle_again(self, started: Started, held: Holdings) -> None:
        for turn in held.turns:
            if turn.id in started.turns and turn.state is TurnState.ANSWERED:
                self.told[turn.id] = replace(self.told[turn.id], answer=turn.messages[-1].text)

    def _settle_by_hand(self, started: Started, held: Holdings) -> Iterator[str]:
        done = [operation for commit in held.commits for operation in commit.operations]
        if started.errand is Errand.CORRECT:
            times = sum(isinstance(one, Update) and one.text == started.text for one in done)
            if times > 1:
                yield f"{self.user}: {started.text!r} was put right {times} times"
            self.by_hand.update([started.text] * times)
        elif any(isinstance(one, Delete) and one.id == started.memory for one in done):
            self.forgotten.add(started.memory)

    def _settle_erase(self, started: Started, held: Holdings, turns: tuple[str, ...]) -> Iterator[str]:
        there = {turn.id for turn in held.turns}
        left = [turn for turn in turns if turn in there]
        if left and len(left) < len(turns):
            yield f"{self.user}: of {len(turns)} turns that were being erased {len(left)} are there"
        elif not left and started.errand is Errand.FORGET_USER:
            self._erase_user(acknowledged=False)
        elif not left:
            self._erase(started)

    def compare(self, held: Holdings) -> Findings:
        """What was promised and is not so. Settle first."""
        there = {turn.id: turn for turn in held.turns}
        found = Findings(lost=[*self._missing(held, there)])
        found.lost += [f"{self.user}: erased turn {turn} is there" for turn in there if turn in self.gone]
        told = {one.started.text for one in self.told.values()}
        for turn in held.turns:
            if turn.id not in self.told and turn.id not in self.gone:
                text = turn.messages[0].text
                sentence = f"{self.user}: turn {turn.id} is there, which was never acknowledged: {text!r}"
                (found.doubled if text in told else found.lost).append(sentence)
        if [turn for turn in there if turn in self.told] != [turn for turn in self.told if turn in there]:
            found.disorder.append(f"{self.user}: the turns do not stand in the order in which they were told")
        return found

    def _missing(self, held: Holdings, there: dict[str, Turn]) -> Iterator[str]:
        for one in self.told.values():
            if one.turn not in there:
                yield f"{self.user}: turn {one.turn} is not there: {one.started.text!r}"
            elif not one.is_kept(there[one.turn]):
                yield f"{self.user}: turn {one.turn} is not as it was told: {one} {there[one.turn]}"
        for memory in held.current:
            if memory.id in self.forgotten:
                yield f"{self.user}: memory {memory.id} was forgotten and is held"
        put_right = {one.text for commit in held.commits for one in commit.operations if isinstance(one, Update)}
        for text in self.by_hand - put_right:
            yield f"{self.user}: the correction {text!r} is not there"
        kept = {(commit.job, frozenset(commit.evidence)) for commit in held.commits}
        for job, turns in self.updates.keys() - kept:
            yield f"{self.user}: the commit of {job} over {', '.join(sorted(turns))} is not there"
        if not self.erased:
            for turn, job in undone_work(held):
                yield f"{self.user}: {job} of turn {turn} is neither committed nor waiting"

    @property
    def images(self) -> set[str]:
        """Images that must be there."""
        return {one.started.image for one in self.told.values() if one.started.image}
