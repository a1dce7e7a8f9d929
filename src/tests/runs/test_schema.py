from scripts.docs_run_json import PAGE, render
from src.runs.outcomes import OutOfMemory


def test_the_page_of_the_schema_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python scripts/docs_run_json.py"


def test_what_memory_allowed_in_words() -> None:
    assert OutOfMemory(count=1, micro_batch_tokens=4096).size == "4,096 tokens"
    assert OutOfMemory(count=1, examples_at_a_time=2).size == "2 examples"
    assert OutOfMemory(count=1, batch_tokens=1200).size == "1,200 tokens"
    assert OutOfMemory(count=1).size is None
