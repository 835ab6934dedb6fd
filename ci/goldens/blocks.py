"""Block goldens: random raw blocks of every GGUF format and their values by llama.cpp's own C dequantiser.

  python ci/goldens/blocks.py OUT.json

Per format: block (values per block), bytes (of one block), raw (hex, all blocks one after another), values (hex of
little-endian float32). The values come from ggml's to_float; the gguf package must give the same bits.
"""

import ctypes
import json
import os
import sys

import gguf
import numpy as np

BLOCKS = 6
# Format -> offsets of its f16 fields; every other byte of a block is payload, any value is legal.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
# The last blocks get the scales that break sloppy conversions: subnormal, zero, the largest finite one.
SPECIAL_SCALES = [np.float16(6e-8), np.float16(-0.0), np.float16(65504)]


class Traits(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("block", ctypes.c_int64), ("interleave", ctypes.c_int64),
                ("bytes", ctypes.c_size_t), ("quantised", ctypes.c_bool), ("to_float", ctypes.c_void_p),
                ("from_float", ctypes.c_void_p)]


def ggml_values(ggml, kind, raw, count):
    traits = ggml.ggml_get_type_traits(int(kind)).contents
    to_float = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64)(traits.to_float)
    out = np.empty(count, np.float32)
    to_float(raw.tobytes(), out.ctypes.data, count)
    return out


def halves(rng):
    plain = rng.normal(0, 1, 58).astype(np.float16)
    return np.concatenate([plain, np.array([0.0, -0.0, 6e-8, -6e-8, 65504, -65504], np.float16)])


def bfloats(rng):
    plain = rng.normal(0, 1, 60).astype(np.float32).view(np.uint32) >> 16
    return np.concatenate([plain, [0x8000, 0x0001, 0x7F7F, 0xFF7F]]).astype(np.uint16)


def main(out):
    ggml = ctypes.CDLL(os.path.join(os.environ["LLAMA_CPP_LIB_PATH"], "libggml-base.so"))
    ggml.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    rng = np.random.default_rng(20251)
    formats = {}
    for name in ["F16", "BF16", *HALVES]:
        kind = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if name == "F16":
            raw = halves(rng).view(np.uint8)
        elif name == "BF16":
            raw = bfloats(rng).view(np.uint8)
        else:
            raw = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
            for offset in HALVES[name]:
                scales = rng.normal(0, 0.02, BLOCKS).astype(np.float16)
                scales[-len(SPECIAL_SCALES):] = SPECIAL_SCALES
                raw[:, offset:offset + 2] = scales.view(np.uint8).reshape(BLOCKS, 2)
            raw = raw.reshape(-1)
        values = ggml_values(ggml, kind, raw, raw.size // size * block)
        twin = gguf.quants.dequantize(raw, kind).astype(np.float32).reshape(-1)
        worst = np.max(np.abs(values - twin) / np.maximum(np.abs(values), 1e-30))
        assert worst < 1e-6, (name, worst)
        print(f"{name}: {values.size} values, gguf package "
              + ("agrees to the bit" if (values == twin).all() else f"agrees within {worst:.1e}"))
        formats[name] = {"block": block, "bytes": size, "raw": raw.tobytes().hex(),
                         "values": values.astype("<f4").tobytes().hex()}
    with open(out, "w") as f:
        f.write("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in formats.items()) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
