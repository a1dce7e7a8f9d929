"""Models of random weights in the exact shapes of `plan_cases.py`, as each case trains them."""

from typing import Any

from plan_cases import Case


def random_model(case: Case) -> Any:
    """Return a bf16 model of random weights in a case's shape (float32 on a CPU)."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape, on_gpu = case.model, torch.cuda.is_available()
    config = AutoConfig.for_model(
        shape.kind,
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        head_dim=shape.head_width,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=131072,
    )
    torch.manual_seed(0)
    with torch.device("cuda" if on_gpu else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16 if on_gpu else torch.float32)
    model.config.use_cache = False
    return model


def prepared(case: Case, model: Any) -> Any:
    """Return the model as a case trains it; 4 bit comes last among a shape's cases, since it replaces the weights."""
    import torch
    from peft import LoraConfig, get_peft_model

    if case.method == "qlora":
        quantize(model)
    model.gradient_checkpointing_disable()  # the case before may have switched it on
    for parameter in model.parameters():
        parameter.requires_grad = case.method == "full"
    if case.method == "full":
        return model
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    settings = LoraConfig(
        r=case.rank,
        lora_alpha=2 * case.rank,
        lora_dropout=case.dropout,
        target_modules=projections,
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, settings)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.to(torch.float32)
    return adapted


def quantize(model: Any) -> None:
    """Put the layers' matrices into NF4 with double quantization, where that was not done before."""
    import bitsandbytes as bnb
    import torch
    from torch import nn

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = model.dtype
    for layer in model.model.layers:
        for parent in (layer.self_attn, layer.mlp):
            for name, linear in list(parent.named_children()):
                if type(linear) is not nn.Linear:
                    continue
                sizes = linear.in_features, linear.out_features
                new = bnb.nn.Linear4bit(*sizes, bias=False, compute_dtype=dtype, device="meta")
                weight = linear.weight.data.clone().contiguous()
                new.weight = bnb.nn.Params4bit(
                    weight, requires_grad=False, quant_type="nf4", compress_statistics=True
                ).to(device)
                setattr(parent, name, new)
                del weight
    model.is_loaded_in_4bit = True
    from src.models.dequantized import prepare_linear4bit

    prepare_linear4bit(model, dtype, "auto")
