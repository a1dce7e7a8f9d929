"""An engine that does as it is told, and jobs for it."""

from src.serving.engine import OutOfMemoryError
from src.serving.jobs import GenerationJob


def job(prompt=(5, 6), most=4, **more):
    return GenerationJob(list(prompt), 256, most, **more)


class ToldEngine:
    """Fails, runs out of memory or ends each job at once, in the order of `outcomes`, and then ends all.

    An outcome may be a call, which is made with the jobs; what it raises ends the batch.
    """

    def __init__(self, *outcomes):
        self.outcomes, self.batches = list(outcomes), []

    def generate(self, admit):
        jobs = admit()
        self.batches.append(jobs)
        outcome = self.outcomes.pop(0) if self.outcomes else "ends"
        if outcome == "fails":
            raise RuntimeError("device-side assert")
        if outcome == "out of memory":
            raise OutOfMemoryError
        if callable(outcome):
            outcome(jobs)
        for one in jobs:
            one.accept(one.end_id)


def lasting(seconds, finish="stop"):
    """Let a job end so, after so many seconds in the batch."""

    def outcome(jobs):
        for one in jobs:
            one.started_at -= seconds
            if finish == "failed":
                raise RuntimeError
            if finish == "cancelled":
                one.end(finish)
            if finish == "length":
                for token in range(one.max_new_tokens):
                    one.accept(token)

    return outcome
