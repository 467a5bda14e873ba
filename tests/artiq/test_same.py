"""The same experiments under the same worker, without Daybook and with it: the same from outside, message for message and
line for line, and the same results files; except that Daybook's are there where ARTIQ leaves none."""

import json
import subprocess

import pytest

import cases
from harness import PROGRAM, TESTS, check_all, content, difference, drive, eventually, owed, same_but_for_the_file, same_results


def both(jobs, folder):
    return drive(jobs, folder / "without"), drive(jobs, folder / "with", journaled=True)


def journaled_once(seen, times=1):
    """One journal beside the results, and nothing else of Daybook's."""
    beside = {path.parent for path in seen.results()}
    assert len(seen.journals()) == times, repr(seen)
    assert not beside or {path.parent for path in seen.journals()} <= beside
    ours = [name for name in seen.files() if not name.endswith((".h5", ".hdf5", ".daybook"))]
    assert not [name for name in ours if "." in name.rsplit("/", 1)[-1]], ours


def test_golden(tmp_path):
    """The calls of the golden traces, made by an experiment, leave the golden files, with Daybook and without."""
    plain, journaled = both(cases.golden(), tmp_path)

    def check(name):
        golden = TESTS / "golden" / f"{name.split('.')[1]}.h5"
        ignore = ("start_time", "run_time", "expid", "artiq_version")
        assert difference(golden, plain[name].result, ignore) == []
        assert difference(golden, journaled[name].result, ignore) == []
        same_but_for_the_file(plain[name], journaled[name])
        same_results(plain[name], journaled[name])
        journaled_once(journaled[name])

    check_all(check, plain)
    assert owed(tmp_path / "with") == []


# Nothing at all was set in these, or there is no name for a file.
NO_FILE = ("endings.NoSuchClass", "endings.OddSlash")


def test_endings(tmp_path):
    """However a run ends. A run that set something and failed in build or prepare has a file with Daybook only."""
    plain, journaled = both(cases.endings(), tmp_path)

    def check(name):
        same_but_for_the_file(plain[name], journaled[name])
        if plain[name].results():
            same_results(plain[name], journaled[name])
            journaled_once(journaled[name])
        elif name not in NO_FILE:
            eventually(journaled[name].results)
            found = content(journaled[name].result)
            assert found["datasets/in_build"] == 1 and found["rid"] == journaled[name].job["rid"]
            assert ("datasets/in_prepare" in found) == (name == "endings.FailsInPrepare")
            assert "run_time" not in found
            assert found["start_time"] > 1e9

    check_all(check, plain)
    assert [path for path in owed(tmp_path / "with") if "000000114" not in path] == []  # that of OddSlash


def test_odd_class_name(tmp_path):
    """A class whose name is no file name: ARTIQ's error as before, and one clear warning of Daybook's; nothing made in
    a place where nobody looks."""
    jobs = [entry for entry in cases.endings() if entry["name"] == "endings.OddSlash"]
    plain, journaled = both(jobs, tmp_path)
    plain, journaled = plain["endings.OddSlash"], journaled["endings.OddSlash"]
    same_but_for_the_file(plain, journaled)
    assert journaled.log(ours=True), "not a word of Daybook's"
    assert not [line for line in journaled.log(ours=True) if "Traceback" in line[2]], journaled.log(ours=True)


def test_values(tmp_path):
    """Values of all kinds, changed in all ways, also behind the manager's back; what is returned and raised."""
    plain, journaled = both(cases.values(), tmp_path)

    def check(name):
        same_but_for_the_file(plain[name], journaled[name])
        same_results(plain[name], journaled[name])
        journaled_once(journaled[name])

    check_all(check, plain)


def kinds_by_key(seen):
    """{key: the kinds of its events, in order} of a run's journal."""
    log = subprocess.run([PROGRAM, "log", "--json", seen.journals()[0]], check=True, capture_output=True, text=True).stdout
    kinds = {}
    for event in map(json.loads, log.splitlines()):
        kinds.setdefault(event.get("key"), []).append(event["kind"])
    return kinds


def test_arrays_are_journaled_once(tmp_path):
    """… and once more if something edited them; an array that nobody touched is not taken for edited, however it stands."""
    jobs = [entry for entry in cases.values() if entry["name"] in ("values.LargeInPlace", "values.NotAsTheyStand")]
    seen = drive(jobs, tmp_path, journaled=True)
    kinds = kinds_by_key(seen["values.LargeInPlace"])
    for i in range(5):
        assert kinds[f"left.{i}"] == ["set"]
        assert kinds[f"edited.{i}"] == ["set", "replace"]
        assert kinds[f"mutated.{i}"] == ["set", "mutate"]
    kinds = kinds_by_key(seen["values.NotAsTheyStand"])
    left = [key for key in kinds if key and key.startswith("left.")]
    assert len(left) == 8 and [key for key in left if kinds[key] != ["set"]] == []
    mutated = [key for key in kinds if key and key.startswith("mutated.")]
    assert len(mutated) == 4 and [key for key in mutated if kinds[key] != ["set", "mutate"]] == []


def test_around(tmp_path):
    """Threads, folders, processes, other files, other managers, several runs in one worker."""
    plain, journaled = both(cases.around(), tmp_path)

    def check(name):
        same_but_for_the_file(plain[name], journaled[name])
        same_results(plain[name], journaled[name])
        if name == "around.First":
            assert len(journaled[name].journals()) == 2, repr(journaled[name])
        elif name not in ("around.ChangesFolder", "around.ChangesFolderFirst"):
            journaled_once(journaled[name])

    check_all(check, plain)
    assert owed(tmp_path / "with") == []


def test_forked_children(tmp_path):
    """What a forked child does to its datasets is nowhere: not in the file, and not in the journal."""
    jobs = [entry for entry in cases.around() if entry["name"] == "around.Forks"]
    seen = drive(jobs, tmp_path, journaled=True)["around.Forks"]
    found = content(seen.result)
    assert [item.decode() for item in found["datasets/list"]] == ["parent", "after"]
    assert found["datasets/array"].tolist() == [0, 1, 2]
    assert "datasets/of_the_child" not in found


def test_without_run(tmp_path):
    """A look into a file, and the browser's analyze: nothing is journaled, nothing made, nothing said."""
    plain, journaled = both(cases.without_run(), tmp_path)

    def check(name):
        same_but_for_the_file(plain[name], journaled[name])
        assert journaled[name].log(ours=True) == []
        assert journaled[name].files() == plain[name].files()

    check_all(check, plain)
    assert owed(tmp_path / "with") == []


def test_unstorable(tmp_path):
    """ARTIQ's error as before, but after everything else was written (ARTIQ's file ends before the first thing that it
    cannot hold); and a warning when the value is set."""
    plain, journaled = both(cases.unstorable(), tmp_path)

    def check(name):
        same_but_for_the_file(plain[name], journaled[name])
        found, before = content(journaled[name].result), content(plain[name].result)
        if name != "keys.group":  # whose dataset /archive stands where the group has to be
            assert set(before) <= set(found)
        assert {"rid", "artiq_version", "start_time", "run_time", "expid"} <= set(found)
        kept = {"unstorable": {"datasets/before", "datasets/after", "archive/from_master"},
                "keys": {"datasets/before", "datasets/zafter"}}.get(name.split(".")[0], set())
        assert kept <= set(found), sorted(found)
        if name.startswith("unstorable."):
            assert journaled[name].log(ours=True), "no word of Daybook's when it was set"

    check_all(check, plain)
    found = content(journaled["values.AllUnstorable"].result)
    good = {name for name in found if name.startswith("datasets/good.")}
    assert len(good) >= 24 and not [name for name in found if name.startswith("datasets/bad.")], sorted(found)
    said = journaled["values.AllUnstorable"].log(ours=True)
    for name in good:
        about = [line for line in said if f"'bad.{name.split('.', 1)[1]}'" in line[2] and line[0] == "WARNING"]
        assert len(about) == 1, f"{name}: {len(about)} warnings"
    assert content(journaled["values.BadMetadata"].result).keys() >= {"datasets/after"}
    assert content(journaled["values.BadArchive"].result).keys() >= {"datasets/before", "archive/from_master"}


@pytest.mark.parametrize("name", ["values.Raises", "around.Threads"])
def test_log_level(name, tmp_path):
    """A worker that logs everything says nothing of Daybook's inside, and works the same."""
    jobs = [entry for entry in cases.values() + cases.around() if entry["name"] == name]
    jobs[0]["expid"]["log_level"] = 5
    plain, journaled = both(jobs, tmp_path)
    same_but_for_the_file(plain[name], journaled[name])
    same_results(plain[name], journaled[name])
