"""Train a summarizer from a config: the command `yoyak train` from a checkout.

python scripts/train_llm.py --experiment llama_3.2_3b --use_qlora
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
