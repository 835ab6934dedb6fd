#!/usr/bin/env python3
"""Quantises the tiny Llama to 4 bits and writes it as GPTQ and AWQ tools publish models.

Beside the checkpoint of a public tool (gptq_tool.py), for what that does not write; the packings and config.json follow what they publish:
  gptq     act-order, v1 zero points (stored one too low), any zero points
  gptq_v2  act-order, v2 zero points, symmetric; every matrix of a block shares no order with another
  awq      packed along columns, no order
Needs numpy.  gptq_models.py TINY_LLAMA_FOLDER OUT_FOLDER
"""
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np

import gptq as pack

GROUP = 32


def read(folder):
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        data = file.read_bytes()
        (n,) = struct.unpack("<Q", data[:8])
        for name, t in json.loads(data[8 : 8 + n]).items():
            if name != "__metadata__":
                a, b = t["data_offsets"]
                tensors[name] = np.frombuffer(data[8 + n + a : 8 + n + b], np.float16).reshape(t["shape"])
    return tensors


def quantise(w, order, symmetric):
    """w [in, out]; rows get their groups by their place in `order`."""
    k = w.shape[0]
    groups = k // GROUP
    g_idx = np.empty(k, np.int32)
    g_idx[order] = np.arange(k) // GROUP
    scales = np.zeros((groups, w.shape[1]), np.float16)
    zeros = np.full((groups, w.shape[1]), 8, np.int64)
    q = np.zeros(w.shape, np.int64)
    for g in range(groups):
        rows = g_idx == g
        block = w[rows].astype(np.float64)
        if symmetric:
            scales[g] = (np.abs(block).max(0) / 7).astype(np.float16)
        else:
            lo, hi = np.minimum(block.min(0), 0), np.maximum(block.max(0), 0)
            scales[g] = ((hi - lo) / 15).astype(np.float16)
            zeros[g] = np.clip(np.round(-lo / np.maximum(scales[g].astype(np.float64), 1e-9)), 0, 15)
        step = np.maximum(scales[g].astype(np.float64), 1e-9)
        q[rows] = np.clip(np.round(block / step) + zeros[g], 0, 15)
    return q, zeros, scales, g_idx


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    model = read(source)
    config = json.loads((source / "config.json").read_text())
    kinds = {
        "gptq": {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": True, "sym": False},
        "gptq_v2": {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": True, "sym": True,
                    "checkpoint_format": "gptq_v2"},
        "awq": {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"},
    }
    for kind, quantization in kinds.items():
        rng = np.random.default_rng(11)
        tensors, shared = {}, {}
        for name, w in model.items():
            if "_proj" not in name:
                tensors[name] = w
                continue
            prefix = name.removesuffix(".weight")
            wt = w.T.astype(np.float32)  # [in, out]
            # Matrices that read the same values have the same Hessian, hence one order (not in gptq_v2, to try that too).
            reads = prefix.rsplit(".", 1)[0] if not prefix.endswith(("o_proj", "down_proj")) else prefix
            key = prefix if kind == "gptq_v2" else reads
            order = shared.setdefault(key, rng.permutation(wt.shape[0]))
            if kind == "awq":
                order = np.arange(wt.shape[0])
            q, zeros, scales, g_idx = quantise(wt, order, kind == "gptq_v2")
            if kind == "awq":
                awq = (0, 2, 4, 6, 1, 3, 5, 7)
                tensors[prefix + ".qweight"] = pack.pack_columns(q, awq)
                tensors[prefix + ".qzeros"] = pack.pack_columns(zeros, awq)
            else:
                tensors[prefix + ".qweight"] = pack.pack_rows(q)
                tensors[prefix + ".qzeros"] = pack.pack_columns(zeros - (kind == "gptq"))
                tensors[prefix + ".g_idx"] = g_idx
            tensors[prefix + ".scales"] = scales
        folder = out / kind
        folder.mkdir(parents=True, exist_ok=True)
        pack.write(folder / "model.safetensors", tensors)
        (folder / "config.json").write_text(json.dumps(config | {"quantization_config": quantization}, indent=1))
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(source / file, folder / file)


if __name__ == "__main__":
    main()
