"""Models of random weights for `several_gpus.py`, each as the product has it after loading, and what was planned."""

import copy
import gc
import time
from collections.abc import Sequence
from typing import Any

import bitsandbytes as bnb
import torch
import train_throughput
from peft import LoraConfig, get_peft_model
from random_checkpoint import config_of, random_model
from torch import nn

from src.config.schema import Config
from src.models.causal_head import without_wrapper
from src.models.dequantized import prepare_linear4bit
from src.models.lora_loader import LoRALoader
from src.models.probe import found_by_probes, recall_probes
from src.models.shared_layers import share_layers
from src.planner.cluster import chosen_cluster
from src.planner.devices import find_device
from src.planner.fastest import Workload, compute_as
from src.planner.lengths import Lengths
from src.planner.memory import Activations
from src.planner.plan import Situation, make_plan
from src.planner.shapes import shape_of_config
from src.ranks.group import rank_count
from src.training.memory_plan import this_device
from src.training.probe import probe

_PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_GROUP_BYTES = 32  # of packed values that share a scale
_APART = 7 * _GROUP_BYTES  # by which a layer's bytes begin behind those of the layer before
_OUTPUTS = ("o_proj", "down_proj")  # of a layer's two parts, which are added to what goes through it


def model_of(variant: str, shape: str, config: Config) -> Any:
    """Return the model of a variant; the peak of the GPU's allocator is counted from then on."""
    if variant == "cut":
        model = cut_model(shape, config)
    elif variant == "full":
        model = whole_model(shape)
    elif shape != "tiny":
        model = train_throughput.build_model(shape, 0.0)
    else:
        settings = LoraConfig(r=16, lora_alpha=32, target_modules=_PROJECTIONS, task_type="CAUSAL_LM")
        model = get_peft_model(random_model(shape).float(), settings)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return model


def cut_model(shape: str, config: Config) -> Any:
    """Return a model in NF4, its layers cut over the ranks and all else on the GPU, with a new adapter in float32.

    From where the weights are in the CPU's memory the steps are `LoRALoader.load_model_and_tokenizer`'s.
    """
    model = nf4_model(shape)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    prepare_linear4bit(model, model.dtype, "off")
    share_layers(model, device)
    torch.manual_seed(config.training.seed)  # all ranks draw the same adapter
    return LoRALoader(config)._apply_lora(model)


def nf4_model(shape: str) -> Any:
    """Return a model of random weights in the CPU's memory, its layers in NF4 with double quantization.

    Products keep the size of what goes in, and a layer adds little to what goes through it, as in trained models:
    where each adds as much as there is (0.02 in every matrix of 8,192 columns), rounding of 16 bit grows through 80
    layers until half of a gradient is rounding, of the model's own as of any engine.

    One matrix of each name is drawn and quantized. All layers read its bytes, each from a place of its own on, so that
    they differ and the host holds no more than one layer, with any number of processes.
    """
    from transformers import AutoModelForCausalLM

    on_gpu = torch.cuda.is_available()
    device, dtype = torch.device("cuda" if on_gpu else "cpu"), torch.bfloat16 if on_gpu else torch.float32
    settings = config_of(shape)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(settings, dtype=dtype)
    torch.manual_seed(0)
    layers = model.model.layers
    for part in ("self_attn", "mlp"):
        names = [name for name, one in getattr(layers[0], part).named_children() if isinstance(one, nn.Linear)]
        for name in names:
            size = (2 * len(layers)) ** -0.5 if name in _OUTPUTS else 1.0
            _quantize([getattr(layer, part) for layer in layers], name, size, device, dtype)
    for module in model.modules():
        if isinstance(module, nn.Embedding) or type(module) is nn.Linear:
            std = 1.0 if isinstance(module, nn.Embedding) else module.in_features**-0.5
            values = torch.empty(module.weight.shape, dtype=dtype, device=device).normal_(std=std)
            module.weight = nn.Parameter(values.cpu(), requires_grad=False)
        elif type(module).__name__.endswith("RMSNorm"):
            module.weight = nn.Parameter(torch.ones(module.weight.shape, dtype=dtype), requires_grad=False)
    model.model.rotary_emb = type(model.model.rotary_emb)(settings)
    model.is_loaded_in_4bit, model.hf_device_map = True, {"": "cpu"}
    model.config.use_cache, model.config.pad_token_id = False, 0
    assert not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    return model.eval()


def _quantize(parents: Sequence[Any], name: str, size: float, device: torch.device, dtype: torch.dtype) -> None:
    """Give a part of all layers a quantized matrix in place of the one of a name, whose outputs are of a size."""
    rows, columns = getattr(parents[0], name).weight.shape
    drawn = torch.empty(rows, columns, dtype=dtype, device=device).normal_(std=size * columns**-0.5)
    first = bnb.nn.Params4bit(drawn, requires_grad=False, quant_type="nf4", compress_statistics=True).to(device)
    packed, state = first.data.cpu(), first.quant_state
    state.to("cpu")
    several = torch.cat([packed, packed[: _APART * len(parents)]])
    for number, parent in enumerate(parents):
        its = copy.copy(state)
        its.state2 = copy.copy(state.state2)
        begin = _APART * number
        quantized = bnb.nn.Linear4bit(columns, rows, bias=False, compute_dtype=dtype, device="meta")
        quantized.weight = bnb.nn.Params4bit(
            several[begin : begin + len(packed)],
            requires_grad=False,
            quant_state=its,
            quant_type="nf4",
            module=quantized,
            bnb_quantized=True,
        )
        quantized.quant_state = its
        setattr(parent, name, quantized)


def probes_taken_as_agreeing(model: Any) -> dict[str, dict[str, Any]]:
    """Return what the probes find, which the result's line says; after that speed is measured either way."""
    for engine in ("packed", "trainer"):
        probe(model, engine)
    found = found_by_probes(model)
    recall_probes(model, {name: values | {"agrees": True} for name, values in found.items()})
    return found


class Waits:
    """How long the GPU waits in calls that only have it wait, or copy; on a CPU how long these take."""

    def __init__(self) -> None:
        self._events: dict[str, list[tuple[Any, Any]]] = {}

    def watch(self, name: str, owner: Any, method: str) -> None:
        """Time an object's method from here on, under a name."""
        call, events = getattr(owner, method), self._events.setdefault(name, [])

        def timed(*args: Any) -> Any:
            start = _now()
            result = call(*args)
            events.append((start, _now()))
            return result

        setattr(owner, method, timed)

    def clear(self) -> None:
        """Begin anew."""
        for events in self._events.values():
            events.clear()

    def milliseconds(self) -> dict[str, float]:
        """Return the sums by name; the GPU must be done."""
        return {name: sum(_between(*one) for one in events) for name, events in self._events.items()}


def _now() -> Any:
    if not torch.cuda.is_available():
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between(start: Any, end: Any) -> float:
    return (end - start) * 1e3 if isinstance(start, float) else float(start.elapsed_time(end))


def waits_of(trainer: Any) -> Waits:
    """Return what counts the waits of a packed trainer whose weights are cut: for layers, for their inputs."""
    waits, decoder = Waits(), trainer.decoder
    waits.watch("layers", decoder.shared, "need")
    for stack in decoder.host_inputs.stacks:
        waits.watch("inputs", stack, "put")
        waits.watch("inputs", stack, "take")
    return waits


def whole_model(shape: str) -> Any:
    """Return a model all of whose weights train, in the CPU's memory, from where FSDP2 cuts them."""
    model = random_model(shape)
    model = model.to("cpu") if torch.cuda.is_available() else model.float()
    model.hf_device_map = {"": "cpu"}
    model.config.use_cache, model.config.pad_token_id = False, 0
    return model.eval()


def planned(config: Config, model: Any, items: Any, run_plan: dict[str, Any]) -> dict[str, Any]:
    """Return what the planner says of a run on this machine's cards: of its own choice, and computed as the run was.

    Args:
        config: of the run.
        model: with its adapter.
        items: its examples.
        run_plan: what the run chose with the model at hand (the packed engine on a GPU), or nothing.
    """
    device = this_device() if torch.cuda.is_available() else find_device("H200")  # only to try it out
    shape = shape_of_config(without_wrapper(model).config.to_dict(), "the model")
    lengths = Lengths(
        items.prompt_lengths, [n - p for n, p in zip(items.lengths, items.prompt_lengths, strict=True)], ""
    )
    cluster = chosen_cluster(rank_count(), 1, None, None, device.name)
    plan = make_plan(Situation(config, shape, lengths, None, device, cluster))
    choice, tokens = plan.choice, run_plan.get("micro_batch_tokens")
    found = {
        "plan": {
            "micro_batch_tokens": choice.micro_batch_tokens,
            "kept_layers": choice.how.kept_layers,
            "peak_gb": round(choice.memory.peak_bytes / 1e9, 2),
            "step_s": round(plan.step_seconds, 4),
            "fits": plan.fits,
        }
    }
    if tokens:
        how = Activations(run_plan["kept_layers"], run_plan["keeps_inputs"])
        load = Workload(lengths.examples(max(items.lengths)), config.training.seed, plan.steps)
        choice = compute_as(choice.job, load, device, how, tokens)
    return found | {
        "planned_peak_gb": round(choice.memory.peak_bytes / 1e9, 2),
        "planned_step_s": round(choice.time.seconds + plan.all_reduce_seconds, 4),
    }
