"""What a drill hears of its copy: the verdicts on its frames, and its incidents. It belongs to no group."""

from uuid import UUID

from andon.errors import Invalid
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.records import Score, Verdict, read_event
from andon.settings import KafkaSettings
from andon.topics import INCIDENTS, SCORES
from andon_ingest.drill.sample import tomorrow
from andon_ingest.drill.story import Story


class Ear:
    """Listens from now on; of incidents from their beginning, since one of an earlier drill may still be open."""

    def __init__(self, kafka: KafkaSettings, copy: str) -> None:
        places = [(SCORES, part) for part in reach(kafka).topics[SCORES].partitions]
        ends = offsets_since(kafka, places, tomorrow())
        self._key = copy.encode()
        self._scores = TopicReader(kafka, SCORES, starts={part: end for (_, part), end in ends.items()})
        self._incidents = TopicReader(kafka, INCIDENTS)
        self.story = Story(copy)
        self.verdicts: dict[UUID, Verdict] = {}
        self.story.take(self._incidents.read_to_end())

    def listen(self, wait_s: float) -> None:
        """Takes in what has come, after at most a short wait."""
        self.story.take(self._incidents.changes(max(0.0, wait_s)))
        for record in self._scores.changes():
            if record.key == self._key:
                self._note(record.value)

    def close(self) -> None:
        """Gives back the connections."""
        self._scores.close()
        self._incidents.close()

    def _note(self, value: bytes) -> None:
        try:
            score = read_event(Score, value)
        except Invalid:  # alerting's to tell of
            return
        self.verdicts[score.frame_id] = score.verdict
