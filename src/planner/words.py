"""A plan in words, with a bar of the card's memory."""

from collections.abc import Sequence

from ..bilingual import count
from .advice import Change, hours
from .memory import vocabulary_bytes
from .plan import Plan, Situation
from .positions import examples_warning, position_warning
from .refining import RefinePlan
from .step_work import ExampleTokens

_BAR = 40
_LARGE_SHARE = 0.25  # of the peak
MEMORY_NAMES = {
    "weights": "weights",
    "quantization": "quantization constants",
    "adapter": "adapter and its copies",
    "dequantized": "dequantized weights",
    "float8": "weights in 8 bit",
    "gathered": "layers gathered from all cards",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "activations_inputs": "activations: layers' inputs",
    "activations_kept": "activations: kept for the backward",
    "activations_work": "activations: the layer at work",
    "logits": "logits",
    "evaluation": "evaluation batch",
    "temporary": "temporary buffers",
    "outside": "paged optimizer states",
    "context": "CUDA context",
    "slack": "allocator's slack and graphs",
    "caches": "caches of drawn summaries",
    "copies": "copies of what trains",
}
TIME_NAMES = {
    "products": "matrix products",
    "attention": "attention",
    "adapters": "products of the adapters",
    "head": "vocabulary head",
    "elementwise": "elementwise passes",
    "rounding": "rounding to 8 bit",
    "dequantization": "dequantization",
    "optimizer": "optimizer",
    "launches": "waiting for launches",
    "fixed": "packing, clipping, logging",
    "gathering": "waiting for gathered layers",
    "all_reduce": "adding up gradients",
    "evaluation": "evaluation",
    "saving": "saving",
    "drawing": "drawing summaries",
    "rewards": "rewards",
    "update": "updates",
}
METHODS = {"qlora": "QLoRA", "lora": "LoRA", "full": "full fine-tuning"}


def plan_text(plan: Plan, changes: list[Change], price_per_hour: float | None) -> str:
    """Return the plan as `yoyak plan` prints it."""
    lines = [*_head(plan), "", *memory_lines(plan), "", *_time(plan, price_per_hour), "", verdict(plan)]
    if changes:
        lines += ["", "What would buy most:", *(f"  {change.sentence()}" for change in changes)]
    return "\n".join(lines)


def refine_text(plan: RefinePlan, price_per_hour: float | None) -> str:
    """Return the plan of a refining as `yoyak plan --refine` prints it."""
    choice, config, refine = plan.choice, plan.situation.config, plan.situation.config.refine
    update, card = choice.update, plan.situation.device.name
    head = [
        f"{config.experiment.name}: refining by reward ({METHODS[choice.job.method]}) of {config.model.checkpoint} "
        f"on {card}",
        f"  summaries drawn at a time: {choice.rows:,}; updates in {choice.job.dtype}, micro-batches of up to "
        f"{update.micro_batch_tokens:,} tokens; computed again: {update.checkpointing}",
        _lengths(plan.situation),
        f"  {count(plan.steps, 'step')} of {count(choice.job.examples, 'dialogue')} x {refine.samples} summaries"
        f"{_each(plan)}",
        *_beyond_positions(plan.situation, plan.situation.examples() if refine.imitation else ()),
    ]
    return "\n".join([*head, "", *memory_lines(plan), "", *_time(plan, price_per_hour), "", verdict(plan)])


def verdict(plan: Plan | RefinePlan) -> str:
    """Return in one line whether the run fits, and by how much."""
    memory, device = plan.choice.memory, plan.situation.device
    budget = plan.situation.config.training.memory_budget_gb
    if not plan.fits and budget is not None and memory.peak_bytes > budget * 1e9:
        need, have, what = memory.peak_bytes / 1e9, budget, "training.memory_budget_gb"
    else:
        need, have, what = memory.device_bytes / 1e9, device.memory_bytes / 1e9, device.name
    if plan.fits:
        return f"Fits: {need:.1f} of {have:.1f} GB on {what}, {have - need:.1f} GB to spare."
    return f"Does not fit: {need:.1f} GB at the least, {need - have:.1f} more than the {have:.1f} GB of {what}."


def _head(plan: Plan) -> list[str]:
    choice, situation = plan.choice, plan.situation
    job, work = choice.job, choice.work
    config = situation.config
    batch = (
        f"micro-batches of up to {choice.micro_batch_tokens:,} tokens"
        if choice.micro_batch_tokens
        else f"micro-batches of {count(job.batch_size, 'example')}, padded"
    )
    return [
        f"{config.experiment.name}: {METHODS[job.method]} of {config.model.checkpoint} on {situation.device.name}",
        f"  engine {job.engine}, {job.dtype}, {batch}; computed again: {choice.checkpointing}",
        *_delta_rule(plan),
        _lengths(situation),
        f"  {count(plan.steps, 'step')} of {count(job.examples, 'example')}{_each(plan)}, {work.micro_batches:.1f} "
        f"micro-batches each, {100 * work.filler:.1f}% filler",
        *_beyond_positions(situation, (*situation.examples(), *situation.examples(evaluation=True))),
    ]


def _delta_rule(plan: Plan) -> list[str]:
    """Return what a hybrid's layers are counted by, where there is a choice."""
    job = plan.choice.job
    if job.shape.delta is None or job.cpu or job.engine != "packed":
        return []
    return [f"  gated delta rule: counted by {'Flash Linear Attention' if job.flash else 'operations of torch'}"]


def _beyond_positions(situation: Situation, examples: Sequence[ExampleTokens]) -> list[str]:
    """Return what a run warns of where texts are longer than the model has positions for."""
    limit = situation.shape.positions
    found = (position_warning(limit, situation.config.tokenizer), examples_warning(limit, examples))
    return [f"  {warning}" for warning in found if warning]


def _each(plan: Plan | RefinePlan) -> str:
    cluster = plan.situation.cluster
    if cluster.count == 1:
        return ""
    hosts = "" if cluster.hosts == 1 else f" of {cluster.hosts} hosts"
    joined = cluster.link.name if cluster.hosts == 1 else f"{cluster.link.name}, {cluster.network.name}"
    return f" on each of {cluster.count} cards{hosts} ({joined})"


def _lengths(situation: Situation) -> str:
    prompts, tokens = situation.train.cut(situation.config.tokenizer.encoder_max_len)
    cut = f"{count(prompts, 'prompt loses', 'prompts lose')} {count(tokens, 'token')}" if prompts else "nothing is cut"
    return f"  lengths: {situation.train.source}{' (an estimate)' if situation.train.estimated else ''}; {cut}"


def memory_lines(plan: Plan | RefinePlan) -> list[str]:
    """Return a bar of the memory, its parts and the peak, a line each."""
    memory, limit = plan.choice.memory, plan.situation.device.memory_bytes
    filled = min(_BAR, round(_BAR * memory.device_bytes / limit))
    bar = "#" * filled + "." * (_BAR - filled)
    over = "" if memory.device_bytes <= limit else " (over)"
    lines = [f"Memory [{bar}] {memory.device_bytes / 1e9:.1f} of {limit / 1e9:.1f} GB{over}"]
    lines += [f"  {MEMORY_NAMES[name]:36} {size / 1e9:8.2f} GB" for name, size in memory.parts.items() if size >= 5e6]
    return [*lines, f"  {'allocator peak':36} {memory.peak_bytes / 1e9:8.2f} GB", *_vocabulary(plan)]


def _vocabulary(plan: Plan | RefinePlan) -> list[str]:
    """Return a line where the vocabulary's tables and logits are a large part of the memory, or of the weights."""
    shape, memory, tables = plan.situation.shape, plan.choice.memory, vocabulary_bytes(plan.choice.job)
    logits = memory.parts.get("logits", 0)
    if tables + logits < _LARGE_SHARE * memory.peak_bytes and 2 * tables < memory.parts["weights"]:
        return []
    of = f"{tables / 1e9:.2f} GB embeddings and head, {logits / 1e9:.2f} GB logits"
    return [f"  of it {(tables + logits) / 1e9:.2f} GB are the vocabulary's {shape.vocabulary:,} tokens: {of}"]


def _time(plan: Plan | RefinePlan, price_per_hour: float | None) -> list[str]:
    total, step = plan.total_seconds, plan.step_seconds
    estimate = "" if plan.situation.device.measured else " (an estimate: this card was not measured)"
    cost = "" if price_per_hour is None else f", {plan.cost(price_per_hour):.2f} at {price_per_hour:.12g} an hour"
    lines = [f"Time {hours(total)}, {step:.2f} s a step{cost}{estimate}"]
    return lines + [
        f"  {TIME_NAMES[name]:36} {hours(seconds):>8}  {100 * seconds / total:4.1f}%"
        for name, seconds in plan.seconds.items()
        if seconds >= 0.001 * total
    ]
