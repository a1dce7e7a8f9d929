"""What went wrong in a run's training and was mended, in words."""

from ..runs.schema import Faults
from .markup import Html, join, tag
from .wording import count

_KINDS = ("training", "evaluation", "generation")


def faults_section(faults: Faults | None) -> Html:
    """Return notes below the curves; empty where nothing was recorded."""
    if faults is None:
        return Html("")
    sentences = fault_sentences(faults) or ["No step was left out, and the memory was enough."]
    return join(*(tag("p", sentence, class_="note") for sentence in sentences))


def fault_sentences(faults: Faults) -> list[str]:
    """Return a sentence for each kind of fault that there was."""
    sentences = []
    if faults.bad_steps:
        left_out = count(faults.bad_steps, "step was", "steps were")
        sentences.append(f"{left_out} left out: loss or gradient was not a number.")
    if faults.rollbacks:
        times = count(faults.rollbacks, "time")
        sentences.append(f"Went back to an earlier checkpoint {times}: the loss ran away.")
    for kind in _KINDS:
        found = getattr(faults, f"out_of_memory_in_{kind}")
        if found and found.count:
            size = f"; since then {found.size} at a time" if found.size else ""
            sentences.append(f"Memory ran out {count(found.count, 'time')} in {kind}{size}.")
    return sentences
