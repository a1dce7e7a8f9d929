"""Refine a trained summarizer by reward: the command `yoyak refine` from a checkout.

python scripts/refine_llm.py outputs/llama_3.2_3b_qlora refine.steps=80
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.cli import main

if __name__ == "__main__":
    main(["refine", *sys.argv[1:]])
