"""Holds the tiny GGUF files to their goldens in llama.cpp, and writes their tokenizer goldens.

  python ci/goldens/tiny_check.py TINY_DIR

Logits: llama.cpp (f32 KV, no flash attention, no repacking) on the F32 twin of model.gguf against logits.bin. (On F16 and
BF16 files themselves it rounds activations as well; that difference is printed.)
tokens.json: "ids" on which llama.cpp (GGUF) and Hugging Face tokenizers (tokenizer.json) agree, without BOS and with special tokens
as in tokenizer.json; where they differ, "gguf" and "hf" stand instead.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from f32_twin import write_twin
from llama_oracle import Llama
from tokens import STRINGS

BOUND = {"gemma3": 4e-3}  # of the logits' rms; llama.cpp's GELU is a table in f16
TIGHT = 1e-4


def logits(path, ids):
    model = Llama(path, n_ctx=256, threads=1, kv="f32", flash=False, repack=False)
    rows = model.feed(ids, "all")
    model.close()
    return rows


def check(folder):
    golden = json.loads((folder / "golden.json").read_text())
    want = np.fromfile(folder / "logits.bin", "<f4").reshape(len(golden["ids"]), -1)
    with tempfile.TemporaryDirectory() as tmp:
        twin = str(Path(tmp) / "twin.gguf")
        write_twin(str(folder / "model.gguf"), twin)
        errors = [float(np.abs(logits(p, golden["ids"]) - want).max() / golden["rms"])
                  for p in (twin, folder / "model.gguf")]
    print(f"{folder.name}: largest difference over rms: {errors[0]:.1e} (F32 twin), {errors[1]:.1e} (as stored)")
    assert errors[0] < BOUND.get(folder.name, TIGHT), folder.name
    model = Llama(folder / "model.gguf", n_ctx=256)
    hf = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows, differ = [], 0
    for s in STRINGS:
        a, b = model.tokenize(s, bos=False, special=True), hf.encode(s, add_special_tokens=False).ids
        rows.append({"text": s, "ids": a} if a == b else {"text": s, "gguf": a, "hf": b})
        differ += a != b
        if a != b:
            print("   differs:", ascii(s)[:60], a[:12], b[:12])
    (folder / "tokens.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    prompt = model.tokenize(golden["prompt"], bos=True, special=True)[:len(golden["ids"])]
    print(f"   tokens: {differ} of {len(rows)} strings differ; prompt ids {'equal' if prompt == golden['ids'] else prompt}")
    model.close()


if __name__ == "__main__":
    for directory in sorted(Path(sys.argv[1]).iterdir()):
        check(directory)
