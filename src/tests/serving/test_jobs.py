"""What a job takes, and how it ends."""

from src.tests.serving.told_engine import job


def test_a_job_takes_tokens_until_an_end_or_its_limit():
    told = []
    one = job(most=3, notify=lambda: told.append(1), more_ends=frozenset({7}))
    for token in (1, 2):
        one.accept(token)
    assert (one.generated, one.finish, one.finished_at, len(told)) == ([1, 2], None, None, 2)
    assert one.ids == [5, 6, 1, 2]
    one.accept(3)
    assert (one.generated, one.finish, len(told)) == ([1, 2, 3], "length", 3)
    one.accept(4)
    assert (one.generated, len(told)) == ([1, 2, 3], 3)
    assert one.end("cancelled") is False
    assert one.finish == "length"
    assert one.finished_at >= one.submitted_at
    for end in (7, 256):
        other = job(more_ends=frozenset({7}))
        other.accept(end)
        assert (other.generated, other.finish) == ([end], "stop")
    assert other.ends == {7, 256}


def test_an_end_token_at_the_limit_is_an_end():
    one = job(most=1)
    one.accept(256)
    assert one.finish == "stop"
