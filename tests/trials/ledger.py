"""`Ledger`: what one user was promised, from what a child announced; and what of it a store does not hold.

What a kill caught in the middle may have happened or not, but must be whole: `settle` looks which, once, and from
then on the store is held to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.memory.operations import Update
from tests.trials.announcements import ERASES, Announcement, Done, Errand, Refused, Started, Updated, moment
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


def _images(started: Iterable[Started]) -> set[str]:
    return {one.image for one in started} - {""}


def _content(message: Message) -> tuple[str, str]:
    return message.text, "".join(image.digest for image in message.images)


@dataclass(slots=True)
class Ledger:
    """What one user was promised."""

    user: str
    told: dict[str, Told] = field(default_factory=dict)
    """Turns that must be there, by id, in their order."""
    gone: set[str] = field(default_factory=set)
    """Turns and memories that were erased."""
    buried: set[str] = field(default_factory=set)
    """Those of them that have a tombstone; a user who is erased has none."""
    images_gone: set[str] = field(default_factory=set)
    """Images that were erased."""
    images_going: set[str] = field(default_factory=set)
    """Images of an erase that a kill cut off: they go with the next update, or the next erase of the user."""
    images_doubtful: set[str] = field(default_factory=set)
    """Images of a user whose erase a kill cut off: pictures go first, so they may be gone and the turns not."""
    words_gone: set[str] = field(default_factory=set)
    """What was said in turns that were erased since the last look."""
    by_hand: dict[str, str] = field(default_factory=dict)
    """What the person said is right, by memory: it is pinned, and outlives the erase of what it was made from."""
    updates: set[tuple[str, frozenset[str]]] = field(default_factory=set)
    """Commits of jobs (name, turns) since the last erase: an erase takes what rests on it and has it done again."""
    flying: dict[int, Started] = field(default_factory=dict)
    """Errands that are not acknowledged."""
    refused: list[Started] = field(default_factory=list)
    """Errands that found nothing to work on."""

    def note(self, news: Announcement) -> None:
        """Take in what a child says."""
        match news:
            case Started():
                self.flying[news.number] = news
                if news.errand in ERASES:
                    self.updates.clear()
            case Updated():
                self.updates.add((news.job, frozenset(news.turns)))
            case Done():
                self._done(self.flying.pop(news.number), news)
            case Refused():
                self.refused.append(self.flying.pop(news.number))

    def _done(self, started: Started, news: Done) -> None:
        match started.errand:
            case Errand.CHAT:
                self.told[news.turn] = Told(started=started, turn=news.turn, answer=news.answer)
            case Errand.AGAIN:
                self.told[news.turn] = replace(self.told[news.turn], answer=news.answer)
            case Errand.CORRECT:
                self.by_hand[started.memory] = started.text
            case Errand.FORGET_TURN | Errand.FORGET_WINDOW | Errand.FORGET_MEMORY:
                self._erased(self._erase(started))
            case Errand.FORGET_USER:
                self._erased(self._erase_user())
                self.images_gone |= self.images_going
                self.images_going.clear()

    def _erase(self, started: Started) -> list[Started]:
        """Strike out what an erase takes; what was told there."""
        self.updates.clear()
        self.by_hand.pop(started.memory, None)
        ids = {*started.turns, started.memory} - {""}
        self.gone |= ids
        self.buried |= ids
        return [self.told.pop(turn).started for turn in started.turns]

    def _erase_user(self) -> list[Started]:
        self.updates.clear()
        self.by_hand.clear()
        taken = [one.started for one in self.told.values()]
        self.gone.update(self.told)
        self.told.clear()
        self.buried.clear()
        return taken

    def _erased(self, taken: list[Started]) -> None:
        self.words_gone.update(one.text for one in taken)
        self.images_gone |= _images(taken)

    @property
    def images(self) -> set[str]:
        """Images that must be there."""
        return _images(one.started for one in self.told.values()) - self.images_doubtful

    def settle(self, held: Holdings) -> Findings:
        """Find out what became of the errands that were not acknowledged; what is half done is lost."""
        found = Findings()
        for started in (*self.refused, *self.flying.values()):
            match started.errand:
                case Errand.CHAT:
                    self._settle_chat(started, held)
                case Errand.AGAIN:
                    self._settle_again(started, held)
                case Errand.CORRECT:
                    found.doubled += self._settle_correction(started, held)
                case Errand.FORGET_TURN | Errand.FORGET_WINDOW | Errand.FORGET_MEMORY:
                    found.lost += self._settle_erase(started, held)
                case Errand.FORGET_USER:
                    found.lost += self._settle_user(held)
        self.refused.clear()
        self.flying.clear()
        return found

    def _settle_chat(self, started: Started, held: Holdings) -> None:
        for turn in held.turns:
            if turn.messages[0].text == started.text:
                answer = turn.messages[-1].text if turn.state is TurnState.ANSWERED else None
                self.told[turn.id] = Told(started=started, turn=turn.id, answer=answer)

    def _settle_again(self, started: Started, held: Holdings) -> None:
        for turn in held.turns:
            if turn.id in started.turns and turn.state is TurnState.ANSWERED:
                self.told[turn.id] = replace(self.told[turn.id], answer=turn.messages[-1].text)

    def _settle_correction(self, started: Started, held: Holdings) -> Iterator[str]:
        done = [operation for commit in held.commits for operation in commit.operations]
        times = sum(isinstance(one, Update) and one.text == started.text for one in done)
        if times > 1:
            yield f"{self.user}: {started.text!r} was put right {times} times"
        self.by_hand.update({started.memory: started.text} if times else {})

    def _settle_erase(self, started: Started, held: Holdings) -> Iterator[str]:
        wanted = {*started.turns, started.memory} - {""}
        there = wanted & {*(turn.id for turn in held.turns), *(memory.id for memory in held.versions)}
        if there and there != wanted:
            yield f"{self.user}: of {len(wanted)} turns that were being erased {len(there)} are there"
        elif not there:
            self.images_going |= _images(self._erase(started))

    def _settle_user(self, held: Holdings) -> Iterator[str]:
        left = [turn for turn in held.turns if turn.id in self.told]
        if left and len(left) < len(self.told):
            yield f"{self.user}: of {len(self.told)} turns of a user who was being erased {len(left)} are there"
        elif left:
            self.images_doubtful |= self.images
        else:
            self.images_going |= _images(self._erase_user())

    def compare(self, held: Holdings) -> Findings:
        """What was promised and is not so. Settle first."""
        there = {turn.id: turn for turn in held.turns}
        found = Findings(lost=[*self._missing(held, there), *self._come_back(held)])
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
        pinned = {memory.id: memory.text for memory in held.current if memory.pinned}
        for memory, text in self.by_hand.items():
            if pinned.get(memory) != text:
                yield f"{self.user}: memory {memory} was put right and does not say {text!r}"
        kept = {(commit.job, frozenset(commit.evidence)) for commit in held.commits}
        for job, turns in self.updates - kept:
            yield f"{self.user}: the commit of {job} over {', '.join(sorted(turns))} is not there"
        for turn, job in undone_work(held):
            yield f"{self.user}: {job} of turn {turn} is neither committed nor waiting"

    def _come_back(self, held: Holdings) -> Iterator[str]:
        there = {*(turn.id for turn in held.turns), *(memory.id for memory in held.versions)}
        for erased in there & self.gone:
            yield f"{self.user}: erased {erased} is there"
        for erased in self.buried - held.tombstones.ids:
            yield f"{self.user}: there is no tombstone of {erased}"

    def words_left(self, held: Holdings, files: bytes) -> Iterator[str]:
        """Erased words that stand in the user's files though nothing that is kept quotes them. Forgets the words."""
        kept = "\n".join(message.searchable for turn in held.turns for message in turn.messages) + repr(held.commits)
        for text in self.words_gone:
            mark = text[text.rindex("This is number") :]
            if mark.encode() in files and mark not in kept:
                yield f"{self.user}: the files still hold {mark!r}"
        self.words_gone.clear()
