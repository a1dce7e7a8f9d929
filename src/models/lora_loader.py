"""Loading a base model with its tokenizer, in 16, 32 or 4 bit, and putting an adapter on it."""

import logging
import warnings
from functools import cached_property
from typing import Any, TypeAlias

import torch
from peft import EvaConfig, LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    set_seed,
)

from ..architectures import ARCHITECTURES, ChatLayout
from ..bilingual import halves
from ..config.schema import Config
from ..data.prompt.layouts import layout_of
from ..data.prompt.text_encoder import text_encoder
from ..errors import YoyakError, first_line
from ..planner.positions import check_positions
from ..planner.refusals import refuse_eva_with_added_tokens
from ..planner.sharding import Sharding
from ..ranks.group import rank_count, working_alone
from .adapter_config import refuse_on_4bit
from .adapters import PEFT_SAYS, load_adapter, needs_layout, start_orthogonal, trainable_rows
from .checkpoint_config import load_checkpoint_config
from .checkpoints import commit_of, load_from, origin_arguments, stored_in_4bit
from .compute import ComputeChoice, resolve_compute
from .cpu_memory import keep_freed_memory
from .dequantized import linear4bit_layers, prepare_linear4bit
from .generation_settings import CheckpointGeneration
from .loaded_weights import load_weights
from .lora_targets import fit_to_experts, target_modules
from .resolve import resolve_checkpoint
from .shared_layers import share_layers
from .text_part import text_arguments

Model: TypeAlias = PreTrainedModel | PeftModel


class LoRALoader:
    """Loads the model that a config describes.

    Attributes:
        compute: device and compute type of this machine for the config.
        added_token_ids: control tokens that the checkpoint lacked; their rows train and are saved with the adapter.
        resolved: choices made at run time, for the run's record.
        sharding: whether weights are cut over the ranks: no GPU gets them whole.
    """

    def __init__(
        self, config: Config, logger: logging.Logger | None = None, compute: ComputeChoice | None = None
    ) -> None:
        """Keep the config, and what was chosen earlier where a run goes on; nothing is loaded yet."""
        self._compute = compute
        self.sharding: Sharding = "weights" if config.training.sharding == "weights" and rank_count() > 1 else "none"
        self.config = config
        self.logger = logger or logging.getLogger("yoyak")
        self.added_token_ids: list[int] = []
        self.resolved = dict[str, object]()

    @cached_property
    def checkpoint(self) -> str:
        """Return the folder of the checkpoint, or its name on a hub."""
        checkpoint = resolve_checkpoint(self.config.model.checkpoint, self.logger.info)
        if self.config.model.trust_remote_code:
            self.logger.warning("model.trust_remote_code: Python code from %s runs with all your rights", checkpoint)
        return checkpoint

    @cached_property
    def facts(self) -> CheckpointGeneration:
        """Return what the checkpoint's JSON files hold, read once; what of them is ignored is said."""
        facts = CheckpointGeneration(self.checkpoint, self.config.model, self.logger.info)
        if warning := check_positions(facts.model_config, self.checkpoint, self.config.tokenizer):
            self.logger.warning(warning)
        return facts

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Return the tokenizer that belongs to the model, with all control tokens; data can be encoded before it."""
        text = self.facts.model_config.get("text_config")  # of models that see or hear, too
        described = text if isinstance(text, dict) else self.facts.model_config
        tokenizer = self._load_tokenizer(self.checkpoint)
        self._add_control_tokens(tokenizer, described.get("model_type"))
        return tokenizer

    @cached_property
    def compute(self) -> ComputeChoice:
        """Return device and compute type, measured or asked for at the first use."""
        return self._compute or resolve_compute(self.config.model.dtype)

    def load_model_and_tokenizer(
        self, use_lora: bool = True, use_qlora: bool = False, trainable: bool = True
    ) -> tuple[Model, PreTrainedTokenizerFast]:
        """Return the model, ready to train or generate, and its tokenizer.

        Args:
            use_lora: put an adapter on (a new one, or `lora.adapter`); otherwise all weights train.
            use_qlora: keep the base model in 4 bit.
            trainable: False for use only, where a 4-bit base needs no adapter.

        Raises:
            YoyakError: the checkpoint can't be had, or settings that exclude each other.
        """
        if use_qlora and not use_lora and trainable:
            raise YoyakError("use_qlora without use_lora: 4-bit weights can't be trained; set lora.use_qlora=false")
        if use_qlora:
            refuse_on_4bit(self.config.lora.init, "lora.init")
        tokenizer, compute = self.tokenizer, self.compute
        if compute.device == "cpu":
            keep_freed_memory()
        # Before the adapter's random A is drawn; after what draws numbers only once on a machine (converting the
        # bundled model, measuring the CPU).
        set_seed(self.config.training.seed)
        with working_alone():  # a host may have to download what another one has
            model = self._load_causal_lm(self.checkpoint, self._create_bnb_config() if use_qlora else None)
        self._add_chat_tokens(model, tokenizer)
        model.generation_config = self.facts.plain_config(tokenizer)
        model.config.pad_token_id = tokenizer.pad_token_id
        model.config.use_cache = False  # a cache in training costs memory and is never read
        cuts = use_qlora and self.sharding == "weights"
        cached = prepare_linear4bit(model, compute.torch_dtype, "off" if cuts else self.config.lora.cache_dequantized)
        if cuts:
            share_layers(model, compute.device)
        self.resolved.update(
            device=compute.device,
            compute_dtype=compute.dtype,
            **halves("compute_dtype_reason", compute.reason),
            threads=compute.threads,
            cache_dequantized=cached,
            model_revision=commit_of(self.checkpoint, self.config.model.revision),
            **self.facts.resolved(tokenizer),
        )
        return (self._apply_lora(model) if use_lora else model), tokenizer

    def _load_tokenizer(self, checkpoint: str) -> PreTrainedTokenizerFast:
        """Return the checkpoint's tokenizer, configured."""
        tokenizer = load_from(
            resolve_checkpoint(checkpoint, self.logger.info),
            AutoTokenizer.from_pretrained,
            **origin_arguments(self.config.model),
        )
        tokenizer = self._configure_tokenizer(tokenizer)
        if note := text_encoder(tokenizer).note:  # refuses one that loses text, before a model is loaded
            self.logger.warning(note)
        return tokenizer

    def _configure_tokenizer(self, tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
        """Set sides to left and give it a pad token that is not its end token; return it."""
        tokenizer.padding_side = "left"
        tokenizer.truncation_side = "left"
        # transformers writes what a tokenizer was made with; others would pad right and generate from padding.
        tokenizer.init_kwargs |= {"padding_side": "left", "truncation_side": "left"}
        layout = self._layout(tokenizer)
        ends = {tokenizer.eos_token, layout.end_of_turn if layout else None}
        if tokenizer.pad_token is None or tokenizer.pad_token in ends:
            vocabulary = tokenizer.get_vocab()
            candidates = [*(layout.pad_candidates if layout else ()), tokenizer.unk_token, "<|endoftext|>", "<pad>"]
            pad = next((c for c in candidates if c in vocabulary and c not in ends), None)
            if pad is None:
                pad = "<|pad|>"
                tokenizer.add_tokens([pad], special_tokens=True)
            tokenizer.pad_token = pad
        return tokenizer

    def _create_bnb_config(self) -> BitsAndBytesConfig:
        """Return the 4-bit settings: NF4, double quantization, the run's compute type."""
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=self.compute.torch_dtype,
        )

    def _load_causal_lm(self, checkpoint: str, bnb_config: BitsAndBytesConfig | None) -> PreTrainedModel:
        """Return the base model on the run's device; a checkpoint stored in bitsandbytes 4 bit stays as it is."""
        checkpoint = resolve_checkpoint(checkpoint, self.logger.info)
        # Full fine-tuning with fp16's narrow range needs float32 weights under the gradient scaler.
        wanted = self.config.model.attn_implementation
        full_fp16 = not self.config.lora.use_lora and self.compute.dtype == "fp16"
        arguments: dict[str, Any] = {
            "dtype": torch.float32 if full_fp16 else self.compute.torch_dtype,
            # Left at sdpa, transformers takes what the class has: eager for Gemma 2's softcap and gpt-oss's sinks.
            "attn_implementation": None if wanted == "sdpa" else wanted,
            **origin_arguments(self.config.model),
            "device_map": {"": 0 if self.compute.device == "cuda" and self.sharding == "none" else "cpu"},
            "use_safetensors": True,  # pickled weights can run code
        }
        config = load_checkpoint_config(checkpoint, self.config.model)
        if not stored_in_4bit(checkpoint, config, self.config.lora.use_lora) and bnb_config is not None:
            arguments["quantization_config"] = bnb_config
        arguments |= {"config": config, **text_arguments(config, checkpoint)}
        model = load_weights(checkpoint, AutoModelForCausalLM.from_pretrained, self.logger.warning, **arguments)
        taken = model.config._attn_implementation
        if taken != wanted and taken is not None:
            self.logger.warning(
                "model.attn_implementation: %s, since %s has no %s", taken, type(model).__name__, wanted
            )
        return model

    def check_weights(self, checkpoint: str) -> PretrainedConfig:
        """Return a checkpoint's config; YoyakError where its weights are not the config's. None of them are kept."""
        origin = origin_arguments(self.config.model)
        config = load_checkpoint_config(checkpoint, self.config.model)
        if not getattr(config, "quantization_config", None):
            arguments = {"device_map": {"": "meta"}, "use_safetensors": True, **origin}
            arguments |= {"config": config, **text_arguments(config, checkpoint)}
            load_weights(checkpoint, AutoModelForCausalLM.from_pretrained, self.logger.warning, **arguments)
        return config

    def _layout(self, tokenizer: PreTrainedTokenizerFast, model_type: object = None) -> ChatLayout | None:
        """Return the layout by `model.chat_template`, else by the tokenizer's tokens, else by the architecture."""
        layout = layout_of(tokenizer, self.config.model.chat_template)
        if layout is None and isinstance(model_type, str) and model_type in ARCHITECTURES:
            return ARCHITECTURES[model_type].layout
        return layout

    def _add_control_tokens(self, tokenizer: PreTrainedTokenizerFast, model_type: object) -> list[str]:
        """Add the control tokens that the chat layout needs and the tokenizer lacks; return those added."""
        layout = self._layout(tokenizer, model_type) if needs_layout(self.config, tokenizer) else None
        needed = layout.control_tokens if layout else ()
        missing = [token for token in needed if token not in tokenizer.get_vocab()]
        if missing:
            tokenizer.add_tokens(missing, special_tokens=True)
            self.added_token_ids = tokenizer.convert_tokens_to_ids(missing)
            self.logger.info("Added control tokens: %s", " ".join(missing))
        return missing

    def _add_chat_tokens(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[str]:
        """Give the model rows for all tokens; add those that the tokenizer still lacks and return them.

        Rows for added tokens start as the mean of the others, so that a reload builds the same model.
        """
        missing = self._add_control_tokens(tokenizer, model.config.model_type)
        rows = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > rows:
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        new_ids = sorted({*self.added_token_ids, *range(rows, len(tokenizer))})
        if new_ids:
            known = torch.ones(model.get_input_embeddings().weight.shape[0], dtype=torch.bool)
            known[new_ids] = False
            for layer in {model.get_input_embeddings(), model.get_output_embeddings()}:
                weight = layer.weight.data
                weight[new_ids] = weight[known.to(weight.device)].float().mean(dim=0).to(weight.dtype)
        return missing

    def _apply_lora(self, model: PreTrainedModel) -> PeftModel:
        """Return the model with an adapter: the one of `lora.adapter`, to go on training, or a new one."""
        lora = self.config.lora
        if lora.adapter is not None:
            return load_adapter(model, lora.adapter, is_trainable=True)
        if lora.init == "orthogonal" and lora.r % 2:
            raise YoyakError(f"lora.init = orthogonal needs an even lora.r, not {lora.r}")
        refuse_eva_with_added_tokens(self.config, self.added_token_ids)
        if linear4bit_layers(model):
            refuse_on_4bit(lora.init, "lora.init")
        ours_or_default = lora.init in ("default", "orthogonal")
        arguments: dict[str, Any] = {"eva_config": EvaConfig()} if lora.init == "eva" else {}
        if self.added_token_ids:
            arguments["trainable_token_indices"] = trainable_rows(model, self.added_token_ids)
        peft_config = LoraConfig(
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=target_modules(model, lora.target_modules),
            use_rslora=lora.use_rslora,
            use_dora=lora.use_dora,
            init_lora_weights=True if ours_or_default else lora.init,
            bias="none",
            task_type="CAUSAL_LM",
            **arguments,
        )
        fit_to_experts(model, lora, peft_config, self.logger.warning)
        with warnings.catch_warnings():
            # The advice to start EVA's adapter without memory would leave no model to score before training.
            warnings.filterwarnings("ignore", message="lora with eva initialization")
            for message in PEFT_SAYS:
                warnings.filterwarnings("ignore", message=message)
            try:
                adapted = get_peft_model(model, peft_config)
            except ValueError as error:
                raise YoyakError(f"lora: PEFT can't put this adapter on the model: {first_line(error)}") from error
        if lora.init == "orthogonal":
            start_orthogonal(adapted)
        return adapted


def load_lora_model_and_tokenizer(
    config: Config, use_lora: bool = True, use_qlora: bool = False, logger: logging.Logger | None = None
) -> tuple[Model, PreTrainedTokenizerFast]:
    """Load model and tokenizer in one call; see `LoRALoader.load_model_and_tokenizer`."""
    return LoRALoader(config, logger).load_model_and_tokenizer(use_lora=use_lora, use_qlora=use_qlora)
