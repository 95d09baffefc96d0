"""Whether Kafka answers: asked every few seconds, since a silent topic and a broker that is away look alike."""

from datetime import UTC, datetime
from threading import Event, Thread

from confluent_kafka import KafkaException

from andon.kafka.clients import admin
from andon.settings import KafkaSettings
from andon.topics import SCORES

ASK_EVERY_S = 3.0
ANSWER_S = 3.0


class Reachable:
    """`since` is when it last answered; `away_since` when it stopped, None while it answers."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.since: datetime | None = None
        self.away_since: datetime | None = None
        self.why = ""
        self._kafka = kafka
        self._stop = Event()
        self._thread = Thread(target=self._run, name="reachable", daemon=True)

    @property
    def is_away(self) -> bool:
        """Whether Kafka does not answer."""
        return self.away_since is not None

    @property
    def alive(self) -> bool:
        """Whether somebody asks."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins, and returns."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, soon."""
        self._stop.set()

    def _run(self) -> None:
        client = admin(self._kafka)
        while not self._stop.is_set():
            client.poll(0)
            try:
                client.list_topics(SCORES, timeout=ANSWER_S)  # of all it would be much; of none, ACLs deny it
            except KafkaException as failure:
                self.why = failure.args[0].str()
                self.away_since = self.away_since or datetime.now(UTC)
            else:
                self.since, self.away_since = datetime.now(UTC), None
            self._stop.wait(ASK_EVERY_S)
