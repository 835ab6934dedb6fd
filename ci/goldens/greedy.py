"""Greedy goldens of the real model: ten prompts, 64 tokens each, from llama.cpp, with the gaps that excuse a difference.

  python ci/goldens/greedy.py MODEL.gguf F32_TWIN.gguf OUT.json

Per generated position, a = llama.cpp's choice and b = its runner-up on MODEL:
  gap     logit(a) - logit(b) on MODEL
  change  how far llama.cpp itself moves between MODEL and F32_TWIN after the same ids (teacher-forced):
          with c = the twin's choice, the largest move of logits a, b, c and of the gaps a-b and a-c
  flips   positions where the F32 twin chooses another token, and that token
Another engine may differ from the ids only where gap < change; it is then put back on the ids and goes on.
Both runs use llama.cpp's defaults (f16 KV); the MODEL run is token by token, as a user would see it.
"""

import json
import sys

import numpy as np

from llama_oracle import Llama

TOKENS = 64
PROMPTS = {
    "story": "Once upon a time",
    "fact": "The capital of France is Paris. The capital of Japan is",
    "java": "public class Main {\n  public static void main(String[] args) {\n    for (int i = 0; i < 10; i++) {\n",
    "python": "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "german": "Die Donau ist nach der Wolga der zweitlängste Fluss in Europa. Sie",
    "french": "Il était une fois, dans un petit village au bord de la mer, un pêcheur qui",
    "chinese": "中国的首都是北京，北京是一座历史悠久的城市，",
    "russian": "Москва — столица России, крупнейший по численности населения город",
    "numbers": "1, 1, 2, 3, 5, 8, 13, 21, 34,",
    "list": "Ingredients for pancakes:\n- 2 cups of flour\n- 1 tablespoon of sugar\n-",
}


def greedy(model, prompt):
    ids = model.tokenize(prompt, bos=True)
    model.clear()
    row = model.feed(ids)[0]
    steps, rows = [], []
    for _ in range(TOKENS):
        b, a = (int(i) for i in np.argpartition(row, -2)[-2:])
        if row[a] < row[b]:
            a, b = b, a
        steps.append((a, b, float(row[a]), float(row[b])))
        rows.append(row)
        row = model.feed([a])[0]
    return ids, steps, rows


def main(model_path, twin_path, out):
    model = Llama(model_path, n_ctx=512)
    runs = {name: greedy(model, prompt) for name, prompt in PROMPTS.items()}
    logits = {name: rows for name, (_, _, rows) in runs.items()}
    texts = {name: model.detokenize([s[0] for s in run[1]]) for name, run in runs.items()}
    model.close()
    twin = Llama(twin_path, n_ctx=512)
    cases, excused = [], 0
    for name, (ids, steps, _) in runs.items():
        chosen = [s[0] for s in steps]
        rows = {}
        for position, row in twin.teacher_forced(ids + chosen[:-1]):
            if position >= len(ids) - 1:
                rows[position - len(ids) + 1] = row
        gaps = [la - lb for _, _, la, lb in steps]
        twin_choice = [int(rows[i].argmax()) for i in range(len(steps))]
        change = []
        for i, (a, b, *_) in enumerate(steps):
            d = [float(rows[i][t] - logits[name][i][t]) for t in (a, b, twin_choice[i])]
            change.append(max(*map(abs, d), abs(d[0] - d[1]), abs(d[0] - d[2])))
        flips = {i: t for i, t in enumerate(twin_choice) if t != chosen[i]}
        assert all(gaps[i] < change[i] for i in flips), "the rule must excuse llama.cpp's own F32 run"
        excused += sum(g < c for g, c in zip(gaps, change))
        cases.append({
            "name": name,
            "prompt": PROMPTS[name],
            "promptIds": ids,
            "ids": chosen,
            # A cut inside a character shows as U+FFFD, as any detokenizer would flush it.
            "text": texts[name].decode("utf-8", "replace"),
            "runnerUp": [s[1] for s in steps],
            "gap": [round(g, 5) for g in gaps],
            "change": [round(c, 5) for c in change],
            "flips": flips,
        })
    with open(out, "w", encoding="utf-8") as f:
        f.write('{"model": "gemma-3-270m-q4_k_m.gguf", "oracle": "llama.cpp of llama-cpp-python 0.3.36",\n"cases": [\n')
        f.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in cases))
        f.write("\n]}\n")
    total = TOKENS * len(cases)
    print(f"{total} positions, gap < change at {excused} ({100 * excused / total:.1f} %), "
          f"F32 twin flips {sum(len(c['flips']) for c in cases)}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
