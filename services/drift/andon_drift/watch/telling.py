"""What moved at a place of frames is named, and said: findings of drift, and of a reject rate. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite, isnan, sqrt

from andon.charts import BASE, PLACES
from andon.ids import derived_id, finding_id
from andon.records import (
    Cause,
    Chart,
    Drift,
    DriftCause,
    Evidence,
    Finding,
    FindingKind,
    Measure,
    Moved,
    Request,
    Wish,
)
from andon.records.baseline import SIGNALS, Baseline
from andon.records.incident import MOST_EVIDENCE
from andon_drift.naming import Gathering, Number, Seen, name, sentence, spot
from andon_drift.naming.named import told
from andon_drift.numbers import FEATURES, least_of
from andon_drift.sensors import beside
from andon_drift.sentences import rejects_rose
from andon_drift.watch.place import Active, Place, Watched
from andon_drift.watch.recent import MEANS
from andon_drift.watch.rules import Reason, Rules, Told
from andon_drift.watch.watcher import BY, REJECT_RATE, REJECTS, Now

SHAPES = (Chart.WASSERSTEIN,)
"""Charts that see a spread that changed, while the mean may not."""
LEAST_REJECTS, MORE_REJECTS = 0.001, 0.5
"""The least rise of the share of anomalous frames that matters: one in a thousand, and half of what is usual."""
MORE_GATHERED, LEAST_GATHERED = 0.1, 50
"""The least growth of the share of maps that are highest at one spot; over so many frames at least."""
RETRAINED = (DriftCause.PROCESS, DriftCause.PRODUCT)
"""What another model would help with; a lens is wiped instead."""
MEANT = 50
"""Frames that `Charts.means` averages over, about."""


@dataclass(frozen=True, slots=True)
class FrameTeller:
    """The teller of places of frames."""

    rules: Rules

    def matters(self, now: Now, active: Active) -> bool:
        """Whether the mean moved by the least change that matters, or the spread did; together they always do."""
        alarm, place = active.alarm, now.place
        if alarm.name == REJECTS:
            usual, share = _usual_rejects(now.baseline), self._share(now, active)
            return share - usual >= max(LEAST_REJECTS, MORE_REJECTS * usual)
        if alarm.name == PLACES:
            return self._gathers(now, active)
        watched = now.baseline.watched.get(alarm.name)
        if watched is None:
            return True
        after = place.recent.mean(_window(place, active))[place.names.index(alarm.name)]
        moved = abs(float(after) - watched.mean) if isfinite(after) else 0.0
        if alarm.chart in SHAPES:
            moved = max(moved, abs(alarm.statistic) * watched.sd)
        return moved >= least_of(alarm.name, watched.mean, place.scale)

    def drift(self, now: Now, fresh: Sequence[Active]) -> tuple[Drift, Told]:
        """Named from all numbers of the place, since the earliest of the charts that alarmed."""
        seen = self._seen(now, fresh)
        drift = name(seen)
        retrain = self.rules.retrain and drift.named in RETRAINED
        seen, drift = replace(seen, retrain=retrain), drift.model_copy(update={"retrain": retrain})
        finding = self._finding(now, Cause.DRIFT, drift.named.value, drift, sentence(seen, drift))
        return drift, Told(Reason.MOVED, finding, self._request(now, finding) if retrain else None)

    def rejects(self, now: Now, active: Active) -> Told:
        """That more frames are anomalous; with the drift that is open at the station, if there is one."""
        usual, share = _usual_rejects(now.baseline), self._share(now, active)
        drift = _open_drift(now.watched)
        if drift is not None:
            rise = told(REJECTS, self._rejects(now, active))
            drift = drift.model_copy(update={"rejects": rise})
        said = rejects_rose(now.station, active.since, share, usual, drift.named if drift else None)
        finding = self._finding(now, Cause.REJECT_RATE, "", drift, said, active)
        measure = Measure(name=REJECTS, value=share, limit=min(1.0, 2 * usual))
        return Told(Reason.REJECTS_ROSE, finding.model_copy(update={"measure": measure}))

    def _seen(self, now: Now, fresh: Sequence[Active]) -> Seen:
        place, baseline = now.place, now.baseline
        since = min(each.since for each in fresh)
        frames = max(_window(place, each) for each in fresh)
        means = place.charts.means() if place.charts else {}
        before, after = place.history.before(since), now.picture
        raw = dict(zip(place.names, place.recent.mean(frames).tolist(), strict=True))
        embedding = place.active.get(("embedding", Chart.HOTELLING))
        rejects = place.active.get((REJECTS, Chart.BERNOULLI))
        gathers = place.active.get((PLACES, Chart.PLACES))
        return Seen(
            station=now.station,
            product=place.product,
            bundle=place.bundle,
            at=now.at,
            since=since,
            width=place.scale.width,
            height=place.scale.height,
            numbers={
                name: self._number(place, baseline, name, raw[name], means.get(name, 0.0)) for name in baseline.watched
            },
            embedding=embedding.alarm if embedding else None,
            places=_gathering(place, baseline, gathers),
            gathers=gathers.alarm if gathers else None,
            rejects=self._rejects(now, rejects) if rejects else None,
            sensors=sensors_beside(now, since),
            threshold=place.scale.threshold,
            before_frame=before.frame_id if before else None,
            after_frame=after.frame_id if after else None,
            false_alarm_days=false_alarm_days(baseline),
        )

    def _number(self, place: Place, baseline: Baseline, name: str, after: float, mean_z: float) -> Number:
        watched = baseline.watched[name]
        alarms = [each.alarm for (of, _), each in place.active.items() if of == name]
        strongest = max(alarms, key=lambda each: each.statistic / each.limit if each.limit else 0.0, default=None)
        return Number(
            before=watched.mean,
            after=after,
            sigmas=0.0 if isnan(after) else (after - watched.mean) / (watched.sd or 1.0),
            mean_z=mean_z,
            unit=FEATURES[name].unit if name in FEATURES else "",
            least=least_of(name, watched.mean, place.scale) if name in FEATURES else 0.0,
            error=watched.spread * sqrt(max(1.0, watched.block / MEANT)),
            alarm=strongest,
            history=place.history.points(name),
        )

    def _rejects(self, now: Now, active: Active) -> Number:
        usual, share = _usual_rejects(now.baseline), self._share(now, active)
        sd = sqrt(usual * (1 - usual))
        sigmas = (share - usual) / sd if sd else 0.0
        return Number(before=usual, after=share, sigmas=sigmas, mean_z=sigmas, alarm=active.alarm)

    def _gathers(self, now: Now, active: Active) -> bool:
        gathering = _gathering(now.place, now.baseline, active)
        found = spot(gathering) if gathering else None
        return found is not None and found.now - found.before >= MORE_GATHERED

    def _share(self, now: Now, active: Active) -> float:
        return now.place.recent.share_rejected(max(BASE, active.alarm.frames))

    def _finding(
        self, now: Now, cause: Cause, named: str, drift: Drift | None, said: str, active: Active | None = None
    ) -> Finding:
        place, since = now.place, active.since if active else drift.since if drift else now.at
        occasion = str(now.picture.frame_id) if now.picture else now.at.isoformat()
        return Finding(
            finding_id=finding_id(BY, f"{cause}/{named}" if named else cause.value, now.station, occasion),
            kind=FindingKind.BEGAN,
            cause=cause,
            station=now.station,
            product=place.product,
            bundle=None if place.bundle == SIGNALS else place.bundle,
            sentence=said,
            since=since,
            at=now.at,
            evidence=_evidence(now, drift),
            drift=drift,
            by=BY,
        )

    def _request(self, now: Now, finding: Finding) -> Request:
        return Request(
            request_id=derived_id(finding.finding_id, "retrain"),
            wish=Wish.RETRAIN,
            station=now.station,
            product=now.place.product,
            bundle=now.place.bundle,
            by=BY,
            why=finding.sentence,
            at=now.at,
        )


def false_alarm_days(baseline: Baseline) -> float:
    """How many days lie on average between two false tickets of a place, at the pace its reference was learned at."""
    frames = baseline.run_length * baseline.every / max(1, charts_of(baseline))
    return frames * baseline.period_s / 86_400.0


def charts_of(baseline: Baseline) -> int:
    """How many charts share the false tickets."""
    singles = sum(1 + (each.wasserstein is not None) + (each.ewma is not None) for each in baseline.watched.values())
    gathering = baseline.places.limit if baseline.places else None
    others = baseline.embedding, baseline.together, baseline.rejects, gathering
    return singles + sum(each is not None for each in others)


def sensors_beside(now: Now, since: datetime) -> tuple[Moved, ...]:
    """The readings that moved around `since`, where the station has sensors."""
    sensors = now.watched.sensors
    return beside(sensors, since, now.at, now.of_sensors) if sensors else ()


def _window(place: Place, active: Active) -> int:
    """Over how many of the last watched frames a change is measured: since it began, as far as is remembered."""
    return min(_since(place, active), BASE * MEANS)


def _since(place: Place, active: Active) -> int:
    """Watched frames since it began."""
    return active.alarm.frames + BASE * (place.recent.watched - active.block)


def _usual_rejects(baseline: Baseline) -> float:
    return baseline.rejects.ratio if baseline.rejects else 0.0


def _open_drift(watched: Watched) -> Drift | None:
    """The drift that began last and is still open."""
    found = [held for key, held in watched.held.items() if key != REJECT_RATE and held.drift is not None]
    return max(found, key=lambda held: held.since).drift if found else None


def _gathering(place: Place, baseline: Baseline, active: Active | None) -> Gathering | None:
    """Over all frames that are remembered, or over those since the peaks began to gather, where that chart alarmed."""
    usual = baseline.places
    if usual is None:
        return None
    lately = max(_since(place, active), LEAST_GATHERED) if active else None
    now, frames = place.recent.shares(usual.columns * usual.rows, lately)
    return Gathering(usual.columns, usual.rows, usual.shares, now, frames)


def _evidence(now: Now, drift: Drift | None) -> tuple[Evidence, ...]:
    """How it looked, how it looked since, and how it looks: oldest first."""
    history, since = now.place.history, drift.since if drift else now.at
    before = history.before(since)
    shown = [before, *(each for each in history.pictures if each.captured_at >= since), now.picture]
    unique = {each.frame_id: each for each in shown if each is not None}
    first, rest = list(unique.values())[:1], list(unique.values())[1:]
    return (*first, *rest[-(MOST_EVIDENCE - 1) :])
