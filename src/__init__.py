"""yoyak: fine-tune Llama and Qwen models to summarize Korean and English dialogues."""

__version__ = "0.1.0"
