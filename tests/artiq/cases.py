"""The experiments of experiments/, as jobs: what a worker is driven through to see whether it behaves."""

import json

from harness import DATABASE, EXPERIMENTS, TESTS, job


def golden():
    jobs = []
    for trace in sorted((TESTS / "golden").glob("*.jsonl")):
        with open(trace, encoding="utf-8") as lines:
            next(lines)
            rid = json.loads(next(lines))["rid"]
        jobs.append(job("golden", trace.stem, rid, trace=str(trace), database={}))
    return jobs


def endings():
    odd = ["OddSpaces", "OddScript", "OddLong", "OddSlash", "OddDots", "OddPercent"]
    names = ["Completes", "SetsNothing", "FailsInBuild", "FailsInPrepare", "FailsInRun", "FailsInAnalyze",
             "NotifyRunEndFails", "RunAndNotifyRunEndFail", "ExitsInRun", "InterruptedInRun", "OwnException", *odd]
    jobs = [job("endings", name, 100 + i) for i, name in enumerate(names)]
    jobs.append(job("endings", "UnknownArgument", 190, arguments={"unknown": 1}))
    jobs.append(job("endings", "Terminated", 191, pauses=[False, True]))
    jobs.append(job("endings", "CatchesTermination", 192, pauses=[False, True]))
    jobs.append(job("endings", "Terminated", 193, name="endings.Paused"))
    jobs.append(job("endings", "NoSuchClass", 194))
    return jobs


def values():
    return [job("values", name, 200 + i) for i, name in enumerate(
        ["InPlace", "Identity", "Raises", "Database", "Kernel", "OtherTypes", "LargeInPlace",
         "NotAsTheyStand"])]


def around():
    names = ["ChangesFolder", "ChangesFolderFirst", "Submits", "OwnFiles", "Forks", "SubclassesManager", "BigArrays",
             "FolderGone", "Alarms"]
    jobs = [job("around", name, 300 + i) for i, name in enumerate(names)]
    jobs.append(job("around", "Threads", 319, unordered=True))
    jobs.append(job("arguments", "Arguments", 320, arguments={"kind": "a", "number": 1e-3}))
    again = {"rid": 322, "expid": {"class_name": "Second"}}
    stages = ["build", "prepare", "run", "analyze", again, "prepare", "run", "analyze"]
    jobs.append(job("around", "First", 321, stages=stages))
    content = job("around", "First", 323, name="around.content")
    content["expid"]["content"] = (EXPERIMENTS / "around.py").read_text(encoding="utf-8")
    del content["expid"]["file"]
    jobs.append(content)
    verbose = job("around", "First", 324, name="around.verbose")
    verbose["expid"]["log_level"] = 10
    jobs.append(verbose)
    return jobs


def without_run():
    """Workers that are no run: nothing is to be journaled."""
    browser = job("around", "BrowserAnalyze", None, stages=["build", "analyze"], wd=str(EXPERIMENTS))
    browser["expid"] |= {"file": "around.py", "repo_rev": "N/A"}
    examined = ["arguments", "endings", "values"]
    return [browser, *(job(file, "", "examine", name=f"examine.{file}", stages=["examine"]) for file in examined)]


def unstorable():
    """One value of each way to be refused, each in a run of its own: ARTIQ's file ends there."""
    kinds = "none dict str_ ragged nul surrogate void list_none bad_repr bad_array".split()
    keys = "int frozenset empty beneath slashes bytes metadata group dot surrogate".split()
    jobs = [job("values", "Unstorable", 400 + i, name=f"unstorable.{kind}", arguments={"which": kind})
            for i, kind in enumerate(kinds)]
    jobs += [job("values", "BadKey", 450 + i, name=f"keys.{kind}", arguments={"which": kind})
             for i, kind in enumerate(keys)]
    jobs += [job("values", name, 480 + i) for i, name in enumerate(
        ["BadAppend", "BadMetadata", "BadArchive", "RefusedAndFails"])]
    return jobs + [job("values", "AllUnstorable", 490)]


def deletions():
    return [job("endings", "DeletedInCalls", 500), job("endings", "DeletedInSleep", 501)]


def names(jobs):
    return [entry["name"] for entry in jobs]


__all__ = ["DATABASE", "around", "deletions", "endings", "golden", "names", "unstorable", "values", "without_run"]
