"""What the pages look at, kept up to date by threads that follow Kafka's topics; and the desk where people write."""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Protocol

from andon.alertmanager import AlertmanagerSettings
from andon.line import Plans
from andon.run import utc_now
from andon_console.frames.bundles import Bundles
from andon_console.frames.frames import Frames
from andon_console.frames.gallery import Gallery
from andon_console.frames.log import ScoreLog
from andon_console.letters.letters import Letters
from andon_console.letters.mailroom import Mailroom
from andon_console.letters.pictures import LetterPictures
from andon_console.live.answers import Answers
from andon_console.live.deeds import Deeds
from andon_console.live.desk import Desk
from andon_console.live.findings import Findings
from andon_console.live.follow import Follow
from andon_console.live.incidents import Incidents
from andon_console.live.reachable import Reachable
from andon_console.live.references import References
from andon_console.live.requests import Requests
from andon_console.live.serving import Models
from andon_console.live.shelved import Shelved
from andon_console.live.silences import Silences
from andon_console.live.stations import Stations
from andon_console.live.watched import Watched
from andon_console.models.bench import Bench
from andon_console.quieting import Quieting
from andon_console.rates.tally import LiveRates
from andon_console.review.asking import Asking
from andon_console.review.threads import Reviewing
from andon_console.settings import ConsoleSettings


class Runs(Protocol):
    """Work on a thread of its own; `Follow`, `Reachable`, `Reviewing` and `Tallying` are such."""

    @property
    def alive(self) -> bool:
        """Whether it runs; one that has ended by itself met a mistake of ours."""

    def start(self) -> None:
        """Begins, and returns."""

    def stop(self) -> None:
        """Ends it, soon."""


@dataclass(frozen=True)
class World:
    """Everything a page may show. Any thread may ask all of it. `follows` and `threads` keep it up to date."""

    settings: ConsoleSettings
    line: Plans
    stations: Stations
    incidents: Incidents
    answers: Answers
    models: Models
    silences: Silences
    deeds: Deeds
    reachable: Reachable
    desk: Desk
    follows: tuple[Follow, ...]
    frames: Frames
    gallery: Gallery
    bundles: Bundles
    log: ScoreLog
    findings: Findings
    review: Asking
    requests: Requests
    bench: Bench
    shelved: Shelved
    mailroom: Mailroom
    letter_pictures: LetterPictures
    letters: Letters = field(default_factory=Letters)
    references: References = field(default_factory=References)
    watched: Watched = field(default_factory=Watched)
    quieting: Quieting = field(default_factory=lambda: Quieting(AlertmanagerSettings()))
    rates: LiveRates = field(default_factory=LiveRates)
    reviewing: Reviewing | None = None
    threads: tuple[Runs, ...] = ()
    _ended: Event = field(default_factory=Event)

    @property
    def ending(self) -> bool:
        """Whether streams of events must end now."""
        return self._ended.is_set()

    def end(self) -> None:
        """The console goes."""
        self._ended.set()

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been read."""
        return all(each.caught_up for each in self.follows)

    @property
    def alive(self) -> bool:
        """Whether every thread runs."""
        return all(each.alive for each in (*self.follows, *self.threads))

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return utc_now()
