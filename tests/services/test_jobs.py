"""Durable jobs: leases, takeovers, retries and orderly ends."""

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from clone_studio.db import Database, utc_now
from clone_studio.errors import ProviderDown, ProviderQuota, StudioError
from clone_studio.models import Job
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.jobs import (
    MOST_ATTEMPTS,
    JobAgain,
    JobLost,
    JobQueue,
    RunningJob,
    Work,
    owner_is_dead,
    process_owner,
)


@pytest.fixture
def jobs(database: Database) -> JobQueue:
    return JobQueue(database)


def enqueue(jobs: JobQueue, database: Database, subject: str = "s1", kind: str = "count") -> str:
    with database.write() as session:
        return jobs.enqueue(session, kind, subject, {"n": 1})


def row(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)


def test_a_job_is_taken_once_and_done(jobs: JobQueue, database: Database) -> None:
    job_id = enqueue(jobs, database)
    job = jobs.claim(["count"])
    assert job is not None
    assert (job.id, job.payload, job.attempts) == (job_id, {"n": 1}, 1)
    assert jobs.claim(["count"]) is None
    jobs.finish(job)
    assert row(database, job_id).state == "done"
    assert jobs.held() == []


def test_only_the_kinds_asked_for_are_taken(jobs: JobQueue, database: Database) -> None:
    enqueue(jobs, database, kind="other")
    assert jobs.claim(["count"]) is None


def test_a_job_that_waits_is_not_queued_twice(jobs: JobQueue, database: Database) -> None:
    assert enqueue(jobs, database) == enqueue(jobs, database)
    assert enqueue(jobs, database, "s2") != enqueue(jobs, database)


def test_nothing_is_queued_when_the_transaction_fails(jobs: JobQueue, database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        jobs.enqueue(session, "count", "s1", {})
        _ = 1 / 0
    assert jobs.claim(["count"]) is None


def test_a_lease_that_ran_out_is_taken_over_and_its_owner_can_change_nothing(
    jobs: JobQueue, database: Database
) -> None:
    job_id = enqueue(jobs, database)
    first = jobs.claim(["count"])
    assert first is not None
    with database.write() as session:
        session.get_one(Job, job_id).lease_until = utc_now() - timedelta(seconds=1)
    second = JobQueue(database, owner="elsewhere").claim(["count"])
    assert second is not None
    assert second.id == job_id
    with pytest.raises(JobLost), database.write() as session:
        jobs.hold(session, first)
    assert not jobs.beat(first)
    jobs.finish(first)
    assert row(database, job_id).state == "running"


def test_what_a_killed_process_held_is_taken_again_at_once(database: Database) -> None:
    dead = subprocess.run(
        [
            sys.executable,
            "-c",
            "from clone_studio.services.jobs import process_owner; print(process_owner())",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    killed, alive = JobQueue(database, owner=dead), JobQueue(database)
    job_id = enqueue(killed, database)
    assert killed.claim(["count"]) is not None
    assert alive.claim(["count"]) is None
    assert alive.release_dead() == 1
    taken = alive.claim(["count"])
    assert taken is not None
    assert (taken.id, taken.attempts) == (job_id, 2)


def test_only_dead_processes_of_this_machine_count_as_dead() -> None:
    host, boot, pid, started = process_owner().split("|")
    assert not owner_is_dead(process_owner())
    assert owner_is_dead(f"{host}|{boot}|{pid}|{started}0")
    assert owner_is_dead(f"{host}|another|{pid}|{started}")
    assert not owner_is_dead(f"{host}x|{boot}|{pid}|{started}")
    assert not owner_is_dead("nonsense")


def test_failures_that_may_pass_are_tried_again_and_others_are_not(
    jobs: JobQueue, database: Database
) -> None:
    job_id = enqueue(jobs, database)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        job = jobs.claim(["count"])
        assert job is not None
        again = jobs.fail(job, ProviderDown("Down."))
        assert again is (attempt < MOST_ATTEMPTS)
        assert jobs.claim(["count"]) is None
        with database.write() as session:
            session.get_one(Job, job_id).run_after = utc_now()
    assert row(database, job_id).state == "failed"
    enqueue(jobs, database, "s2")
    job = jobs.claim(["count"])
    assert job is not None
    assert not jobs.fail(job, ProviderQuota("No credit."))


def test_cancelling_stops_a_job_that_runs(jobs: JobQueue, database: Database) -> None:
    job_id = enqueue(jobs, database)
    job = jobs.claim(["count"])
    assert job is not None
    told = threading.Event()
    job.on_stop(told.set)
    with database.write() as session:
        jobs.cancel(session, "s1")
    assert told.is_set()
    jobs.finish(job)
    assert row(database, job_id).state == "cancelled"


class Recorder:
    """Work that does as it is told and remembers what it saw."""

    def __init__(self, *outcomes: StudioError | None) -> None:
        self.outcomes = list(outcomes)
        self.runs = 0
        self.gave_up: list[str] = []
        self.through = threading.Event()

    def run(self, _job: RunningJob) -> None:
        self.runs += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        self.through.set()

    def give_up(self, _job: RunningJob, error: StudioError) -> None:
        self.gave_up.append(error.detail)
        self.through.set()


@pytest.mark.parametrize(
    ("outcomes", "runs", "gave_up"),
    [
        ([], 1, []),
        ([JobAgain("turn"), JobAgain("turn")], 3, []),
        ([ProviderQuota("No credit.")], 1, ["No credit."]),
    ],
)
def test_threads_do_the_work(
    jobs: JobQueue,
    database: Database,
    outcomes: list[StudioError],
    runs: int,
    gave_up: list[str],
) -> None:
    recorder = Recorder(*outcomes)
    jobs.register("count", Work(recorder.run, recorder.give_up))
    runner = JobRunner(jobs, [("count",)])
    runner.start()
    enqueue(jobs, database)
    assert recorder.through.wait(20)
    runner.stop()
    assert (recorder.runs, recorder.gave_up) == (runs, gave_up)


def test_stopping_gives_a_job_back(jobs: JobQueue, database: Database) -> None:
    begun = threading.Event()

    def run(job: RunningJob) -> None:
        begun.set()
        job.stopped.wait(20)
        raise JobLost("The worker stops.")

    def never(_job: RunningJob, error: StudioError) -> None:
        raise AssertionError(error.detail)

    jobs.register("count", Work(run, never))
    runner = JobRunner(jobs, [("count",)])
    runner.start()
    job_id = enqueue(jobs, database)
    assert begun.wait(20)
    runner.stop()
    with database.read() as session:
        found = session.exec(select(Job)).one()
    assert (found.id, found.state, found.lease_owner, found.attempts) == (job_id, "queued", None, 0)
