"""llama.cpp as an oracle: tokens and logits through its C API (ctypes from llama-cpp-python's source package).

Run under the environment that `eval "$(ci/peers/llama-cpp)"` sets.
"""

import ctypes

import llama_cpp as c
import numpy as np

KV_TYPES = {"f32": 0, "f16": 1}

_quiet = c.llama_log_callback(lambda level, text, data: None)


class Llama:
    """One model and one context with a single sequence."""

    def __init__(self, path, n_ctx=2048, threads=2, kv="f16", flash=None, repack=True, verbose=False):
        """flash: None lets llama.cpp decide, True or False force it. repack: its CPU weight layouts."""
        if not verbose:
            c.llama_log_set(_quiet, ctypes.c_void_p(0))
        c.llama_backend_init()
        mp = c.llama_model_default_params()
        mp.use_extra_bufts = repack
        self.model = c.llama_model_load_from_file(str(path).encode(), mp)
        if not self.model:
            raise RuntimeError(f"llama.cpp refuses {path}")
        cp = c.llama_context_default_params()
        cp.n_ctx, cp.n_batch, cp.n_ubatch = n_ctx, n_ctx, min(n_ctx, 512)
        cp.n_threads = cp.n_threads_batch = threads
        cp.type_k = cp.type_v = KV_TYPES[kv]
        cp.flash_attn_type = -1 if flash is None else int(flash)
        cp.no_perf = True
        self.ctx = c.llama_init_from_model(self.model, cp)
        if not self.ctx:
            raise RuntimeError(f"llama.cpp makes no context for {path}")
        self.vocab = c.llama_model_get_vocab(self.model)
        self.n_vocab = c.llama_vocab_n_tokens(self.vocab)
        self.batch = c.llama_batch_init(n_ctx, 0, 1)
        self.length = 0

    def tokenize(self, text, bos=True, special=False):
        raw = text.encode()
        ids = (c.llama_token * (len(raw) + 8))()
        n = c.llama_tokenize(self.vocab, raw, len(raw), ids, len(ids), bos, special)
        assert n >= 0, n
        return list(ids[:n])

    def piece(self, token, special=False):
        buffer = ctypes.create_string_buffer(256)
        n = c.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, special)
        assert n >= 0, n
        return buffer.raw[:n]

    def detokenize(self, ids, special=False):
        return b"".join(self.piece(i, special) for i in ids)

    def clear(self):
        c.llama_memory_clear(c.llama_get_memory(self.ctx), True)
        self.length = 0

    def feed(self, ids, wanted="last"):
        """Appends ids in one batch; returns float32 logits [rows, vocab] of the last or of all positions."""
        b = self.batch
        b.n_tokens = len(ids)
        for i, token in enumerate(ids):
            b.token[i] = token
            b.pos[i] = self.length + i
            b.n_seq_id[i] = 1
            b.seq_id[i][0] = 0
            b.logits[i] = wanted == "all" or i == len(ids) - 1
        rc = c.llama_decode(self.ctx, b)
        if rc:
            raise RuntimeError(f"llama_decode: {rc}")
        self.length += len(ids)
        rows = range(len(ids)) if wanted == "all" else [len(ids) - 1]
        return np.stack([
            np.ctypeslib.as_array(c.llama_get_logits_ith(self.ctx, r), (self.n_vocab,)) for r in rows
        ]).copy()

    def teacher_forced(self, ids, chunk=64):
        """Yields (position, logits) for every id: the logits after it was read. Memory: one chunk of rows."""
        self.clear()
        for start in range(0, len(ids), chunk):
            for i, row in enumerate(self.feed(ids[start:start + chunk], "all")):
                yield start + i, row

    def close(self):
        c.llama_batch_free(self.batch)
        c.llama_free(self.ctx)
        c.llama_model_free(self.model)


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max()
    return x - np.log(np.exp(x).sum())
