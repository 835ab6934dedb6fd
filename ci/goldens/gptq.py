#!/usr/bin/env python3
"""Writes a small 4-bit checkpoint as GPTQ and AWQ tools publish it, with what it must decode to.

Beside the checkpoint of a public tool (gptq_tool.py); this follows the published algorithm
(Frantar et al. 2022, arXiv 2210.17323, act-order) and the published packings:
  gptq1  act-order, zero points stored minus one     gptq2  act-order, zero points as they are
  sym1   symmetric, stored as 7 (v1)                 sym2   symmetric, stored as 8, for a wrong label
  awq    packed along columns in the order 0 2 4 6 1 3 5 7
Beside each matrix stands NAME.expected, its f32 value. Needs numpy.  gptq.py OUT.safetensors
"""
import json
import struct
import sys

import numpy as np

K, N, G = 64, 24, 16


def gptq(w, x, symmetric):
    """Row-by-row quantisation with error feedback, rows in falling Hessian diagonal."""
    h = x.T @ x + 0.01 * np.mean(np.sum(x * x, 0)) * np.eye(K)
    perm = np.argsort(-np.diag(h), kind="stable")
    w, h = w[perm].copy(), h[perm][:, perm]
    feedback = np.linalg.cholesky(np.linalg.inv(h)).T
    q = np.zeros((K, N), np.int64)
    scales = np.zeros((K // G, N), np.float16)
    zeros = np.zeros((K // G, N), np.int64)
    for i in range(K):
        g = i // G
        if i % G == 0:
            block = w[i : i + G]
            if symmetric:
                scales[g] = (np.abs(block).max(0) / 7).astype(np.float16)
                zeros[g] = 8
            else:
                lo, hi = np.minimum(block.min(0), 0), np.maximum(block.max(0), 0)
                scales[g] = ((hi - lo) / 15).astype(np.float16)
                zeros[g] = np.clip(np.round(-lo / scales[g].astype(np.float64)), 0, 15)
        s = scales[g].astype(np.float64)
        q[i] = np.clip(np.round(w[i] / s) + zeros[g], 0, 15)
        error = (w[i] - (q[i] - zeros[g]) * s) / feedback[i, i]
        w[i + 1 :] -= np.outer(feedback[i, i + 1 :], error)
    back = np.argsort(perm)
    g_idx = (np.arange(K) // G)[back].astype(np.int32)
    return q[back], zeros, scales, g_idx


def pack_rows(q):
    words = np.zeros((q.shape[0] // 8, q.shape[1]), np.uint32)
    for j in range(8):
        words |= q[j::8].astype(np.uint32) << np.uint32(4 * j)
    return words.view(np.int32)


def pack_columns(z, order=range(8)):
    words = np.zeros((z.shape[0], z.shape[1] // 8), np.uint32)
    for k, column in enumerate(order):
        words |= (z[:, column::8].astype(np.uint32) & 15) << np.uint32(4 * k)
    return words.view(np.int32)


def expected(q, zeros, scales, g_idx):
    s = scales.astype(np.float32)
    return (q - zeros[g_idx]).astype(np.float32) * s[g_idx]


def main():
    rng = np.random.default_rng(5)
    mix = rng.normal(size=(K, K)) * np.exp(rng.normal(size=K))
    x = rng.normal(size=(256, K)) @ mix
    tensors = {}
    for name, symmetric, minus in (("gptq1", 0, 1), ("gptq2", 0, 0), ("sym1", 1, 1), ("sym2", 1, 0)):
        q, zeros, scales, g_idx = gptq(rng.normal(size=(K, N)), x, symmetric)
        if not symmetric:
            zeros[0, 0] = 0  # v1 stores 15 for it
        tensors[name + ".qweight"] = pack_rows(q)
        tensors[name + ".qzeros"] = pack_columns(zeros - minus)
        tensors[name + ".scales"] = scales
        tensors[name + ".g_idx"] = g_idx
        tensors[name + ".expected"] = expected(q, zeros, scales, g_idx)
    q = rng.integers(0, 16, (K, N))
    zeros = rng.integers(0, 16, (K // G, N))
    scales = rng.normal(size=(K // G, N)).astype(np.float16)
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    tensors["awq.qweight"] = pack_columns(q, order)
    tensors["awq.qzeros"] = pack_columns(zeros, order)
    tensors["awq.scales"] = scales
    tensors["awq.expected"] = expected(q, zeros, scales, np.arange(K) // G)
    write(sys.argv[1], tensors)


def write(path, tensors):
    types = {"int32": "I32", "float16": "F16", "float32": "F32"}
    header, data = {}, b""
    for name, t in tensors.items():
        raw = np.ascontiguousarray(t).tobytes()
        header[name] = {
            "dtype": types[t.dtype.name],
            "shape": list(t.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    main()
