from andon_ingest.batch import BatchLimits
from andon_ingest.generate import GeneratorSource, Made, Station

SIZE = (96, 96)


def source(time, capture, stations=2, **made):
    options = Made(**{"rate": 0.0, "count": 5, "size": SIZE} | made)
    drawn = {f"station-{number}": Station(options, number) for number in range(stations)}
    return GeneratorSource(capture, drawn, options, BatchLimits(), time.clock)


def images(line):
    return [record.value for record in line.frames]


def test_each_station_makes_its_count_and_then_it_ends(time, line, new_capture):
    line.play(source(time, new_capture()))
    assert line.seqs("station-0") == line.seqs("station-1") == list(range(5))
    assert {record.header("content-type") for record in line.frames} == {b"image/jpeg"}


def test_the_same_seed_makes_the_same_parts_and_another_others(time, line, new_capture):
    for seed in (1, 1, 2):
        line.play(source(time, new_capture(), stations=1, defects=0.5, seed=seed))
    shown = images(line)
    assert shown[:5] == shown[5:10]
    assert not set(shown[:5]) & set(shown[10:])


def test_a_station_makes_the_same_parts_whoever_its_neighbours_are(time, line, new_capture):
    line.play(source(time, new_capture(), stations=1))
    line.play(source(time, new_capture(), stations=3))
    assert images(line)[:5] == [record.value for record in line.frames[5:] if record.key == b"station-0"]


def test_the_subject_tells_the_truth(time, line, new_capture):
    line.play(source(time, new_capture(), stations=1, defects=1.0, good_first=2))
    kinds = [subject.split("/")[0] for subject in line.subjects()]
    assert kinds[:2] == ["good", "good"]
    assert "good" not in kinds[2:]


def test_the_share_of_defects_is_kept(time, line, new_capture):
    line.play(source(time, new_capture(), stations=1, defects=0.25, count=200))
    defective = sum(not subject.startswith("good/") for subject in line.subjects())
    assert 30 <= defective <= 70


def test_defects_come_in_runs_when_asked(time, line, new_capture):
    line.play(source(time, new_capture(), stations=1, defects=0.3, run=4, count=120))
    kinds = "".join(subject.split("/")[0][0].replace("g", ".") for subject in line.subjects())
    runs = [len(run) for run in kinds[: kinds.rindex(".")].split(".") if run]
    assert runs
    assert all(run % 4 == 0 for run in runs)


def test_the_rate_is_kept_and_stations_are_not_in_step(time, line, new_capture):
    line.play(source(time, new_capture(), rate=2.0, count=3))
    times = [float(record.header("ce_time")[17:23]) - 7 for record in line.frames]
    assert times == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert [record.key[-1:] for record in line.frames] == [b"0", b"1"] * 3
