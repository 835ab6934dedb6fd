"""Teacher-forced golden of the real model: the float32 reference distribution over a public-domain text.

  python ci/goldens/forced.py MODEL.gguf F32_TWIN.gguf TEXT OUT.bin.gz OUT.json

Reference P: llama.cpp on F32_TWIN (the same weights, dequantised), f32 KV, no flash attention, one sequence: BOS + text.
At every STRIDE-th position the TOP largest log-probabilities are kept; what is left is one bucket.
KL(P || Q) of an engine Q at a position = sum over the TOP ids of p (ln p - ln q) + rest(p) (ln rest(p) - ln rest(q)),
rest(x) = 1 - sum of x over the TOP ids. It never exceeds the full KL (data processing); "fullKl" tells how near it is.

OUT.bin.gz, little-endian: int32 count, int32 top; then per kept position: int32 position (logits after ids[position]),
float32 rest, int32 ids[top], float32 log-probabilities[top], descending.
OUT.json: ids, and for llama.cpp on MODEL (its defaults: f16 KV): kl, fullKl, perplexity over every next id.
"""

import gzip
import json
import struct
import sys

import numpy as np

from llama_oracle import Llama, log_softmax

TOP, STRIDE, CTX = 64, 4, 2048


def reference(path, text):
    twin = Llama(path, n_ctx=CTX, kv="f32", flash=False)
    ids = twin.tokenize(text, bos=True)
    kept, nll = {}, 0.0
    for position, row in twin.teacher_forced(ids):
        lp = log_softmax(row)
        if position + 1 < len(ids):
            nll -= lp[ids[position + 1]]
        if position % STRIDE == 0:
            top = np.argsort(-lp, kind="stable")[:TOP].astype(np.int32)
            rest = max(0.0, 1.0 - float(np.exp(lp[top]).sum()))
            kept[position] = (top, lp[top].astype(np.float32), rest, lp.astype(np.float32))
    twin.close()
    return ids, kept, float(np.exp(nll / (len(ids) - 1)))


def bucket_kl(top, p, rest, q):
    """The convention above; p and q are log-probabilities, q over the whole vocabulary."""
    p64, q64 = p.astype(np.float64), q[top].astype(np.float64)
    rest_q = max(1e-12, 1.0 - float(np.exp(q64).sum()))
    tail = rest * (np.log(rest) - np.log(rest_q)) if rest > 0 else 0.0
    return float((np.exp(p64) * (p64 - q64)).sum() + tail)


def score(path, ids, kept, **options):
    model = Llama(path, n_ctx=CTX, **options)
    kl, full, same, nll = [], [], 0, 0.0
    for position, row in model.teacher_forced(ids):
        lq = log_softmax(row)
        if position + 1 < len(ids):
            nll -= lq[ids[position + 1]]
        if position in kept:
            top, p, rest, lp = kept[position]
            kl.append(bucket_kl(top, p, rest, lq))
            full.append(float((np.exp(lp.astype(np.float64)) * (lp - lq)).sum()))
            same += int(top[0]) == int(lq.argmax())
    model.close()
    return {
        "perplexity": round(float(np.exp(nll / (len(ids) - 1))), 5),
        "kl": round(float(np.mean(kl)), 7),
        "fullKl": round(float(np.mean(full)), 7),
        "klMedian": round(float(np.median(kl)), 7),
        "klMax": round(float(np.max(kl)), 6),
        "sameTop": round(same / len(kl), 4),
    }


def main(model, twin, text_path, out_bin, out_json):
    text = open(text_path, encoding="utf-8").read()
    ids, kept, f32_perplexity = reference(twin, text)
    body = struct.pack("<ii", len(kept), TOP)
    for position, (top, lp, rest, _) in kept.items():
        body += struct.pack("<if", position, rest) + top.tobytes() + lp.tobytes()
    with open(out_bin, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(body)
    result = {
        "model": "gemma-3-270m-q4_k_m.gguf",
        "oracle": "llama.cpp of llama-cpp-python 0.3.36",
        "positions": len(kept),
        "f32Perplexity": round(f32_perplexity, 5),
        "llamaCpp": score(model, ids, kept),
        "llamaCppF32Kv": score(model, ids, kept, kv="f32", flash=False),
        "ids": ids,
    }
    with open(out_json, "w") as f:
        f.write("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in result.items()) + "\n}\n")
    print({k: v for k, v in result.items() if k != "ids"})


if __name__ == "__main__":
    main(*sys.argv[1:6])
