"""Tiny random models of every family with golden logits from Hugging Face transformers (float32, eager attention).

  python ci/goldens/tiny.py OUT_DIR TEXT            under TORCH_PYTHON; then tiny_check.py under LLAMA_PYTHON

OUT_DIR/FAMILY/: config.json, tokenizer.json, safetensors (one file, or shards with an index), model.gguf (by llama.cpp's own
converter), golden.json (prompt, ids), logits.bin (little-endian float32, [ids][vocabulary], the logits after each id).
Weights are values that F16 and BF16 both hold exactly, so that one golden serves every file of a family.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

import tiny_vocab as tt

VOCAB = 384
PROMPT = "Alice was beginning to get very tired of sitting by her sister on the bank"
PROMPT_TOKENS = 24
GEMMA_TURNS = ["<start_of_turn>", "<end_of_turn>"]

COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 256, "vocab_size": VOCAB,
          "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True}

# Per family: config.json as published checkpoints write it, file dtypes, shards, tokenizer.
FAMILIES = {
    "llama": dict(
        config=COMMON | {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
            "attention_bias": False, "mlp_bias": False, "rope_theta": 500000.0, "tie_word_embeddings": False,
            # Wavelengths 6 (kept), 32 (blended), 167 and more (divided) meet all three cases of the scaling.
            "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                             "original_max_position_embeddings": 64},
            "bos_token_id": 380, "eos_token_id": 381},
        safetensors="F16", gguf="bf16", shards=2, pre="llama-bpe", bos="<|begin_of_text|>",
        specials=["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|eot_id|>"]),
    "mistral": dict(
        config=COMMON | {
            "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": 48, "intermediate_size": 80,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 16,
            "rope_theta": 10000.0, "sliding_window": None, "tie_word_embeddings": False,
            "bos_token_id": 1, "eos_token_id": 2},
        safetensors="F32", gguf="f16", shards=2, sp=dict(unk_id=0, bos_id=1, eos_id=2, pad_id=-1), dummy_prefix=True),
    "qwen2": dict(
        config=COMMON | {
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 48, "intermediate_size": 80,
            "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "rope_theta": 1000000.0,
            "rms_norm_eps": 1e-6, "sliding_window": 128, "max_window_layers": 2, "use_sliding_window": False,
            "tie_word_embeddings": True, "bos_token_id": 381, "eos_token_id": 381},
        safetensors="BF16", gguf="f32", shards=3, pre="qwen2", specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    "qwen3": dict(
        config=COMMON | {
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
            "rms_norm_eps": 1e-6, "attention_bias": False, "sliding_window": None, "use_sliding_window": False,
            # The newer spelling of rope_theta.
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
            "tie_word_embeddings": False, "bos_token_id": 381, "eos_token_id": 383},
        safetensors="F16", gguf="bf16", shards=2, pre="qwen2", specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    "gemma3": dict(
        config=COMMON | {
            "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_size": 32,
            "intermediate_size": 48, "num_hidden_layers": 7, "num_attention_heads": 4, "num_key_value_heads": 1,
            "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8, "sliding_window_pattern": 6,
            "layer_types": ["sliding_attention"] * 5 + ["full_attention", "sliding_attention"],
            "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "rope_scaling": None, "rms_norm_eps": 1e-6,
            "hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": None, "final_logit_softcapping": None,
            "attention_bias": False, "tie_word_embeddings": True,
            "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0},
        safetensors="BF16", gguf="f32", shards=1, sp=dict(pad_id=0, eos_id=1, bos_id=2, unk_id=3), dummy_prefix=False,
        controls=GEMMA_TURNS),
}
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def both_halves(x):
    """Rounds to values that F16 and BF16 hold: 8 significant bits, nothing below F16's smallest normal number."""
    x = x.to(torch.bfloat16).to(torch.float32)
    return torch.where(x.abs() < 2.0**-14, torch.zeros_like(x), x)


def random_weights(model, seed):
    """Peaked attention and spread-out logits: a slip in any op moves the golden far more than rounding does."""
    g = torch.Generator().manual_seed(seed)
    gemma = model.config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if name.endswith("norm.weight"):
                value = 0.2 * noise + (0.0 if gemma else 1.0)
            elif name.endswith(".bias"):
                value = 0.5 * noise
            elif "embed_tokens" in name:
                value = noise * (0.5 if model.config.tie_word_embeddings else 1.0)
            else:
                gain = 2.0 if "q_proj" in name or "k_proj" in name else 1.2
                value = noise * gain / p.shape[-1] ** 0.5
            p.copy_(both_halves(value))


def save_weights(model, folder, dtype, shards):
    tied = model.config.tie_word_embeddings
    tensors = {n: t.to(dtype).contiguous() for n, t in model.state_dict().items() if not (tied and n == "lm_head.weight")}
    names = sorted(tensors)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())}, "weight_map": {}}
    for s in range(shards):
        file = f"model-{s + 1:05d}-of-{shards:05d}.safetensors"
        part = {n: tensors[n] for n in names[s::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        index["weight_map"] |= {n: file for n in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


def convert(folder, spec):
    """llama.cpp's converter; only the pre-tokenizer's name is given, since it knows it by a hash of published vocabularies."""
    sys.path[:0] = [os.environ["LLAMA_SRC"], os.environ["LLAMA_SRC"] + "/gguf-py"]
    import gguf
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
    from conversion.base import TextModel
    TextModel.get_vocab_base_pre = lambda self, tokenizer: spec["pre"]
    kinds = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
             "bf16": gguf.LlamaFileType.MOSTLY_BF16}
    with torch.inference_mode():
        arch = get_model_architecture(ModelBase.load_hparams(folder, False), ModelType.TEXT)
        get_model_class(arch)(folder, kinds[spec["gguf"]], folder / "model.gguf", eager=True).write()


def make(family, spec, folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / "config.json").write_text(json.dumps(spec["config"] | {"torch_dtype": {
        "F32": "float32", "F16": "float16", "BF16": "bfloat16"}[spec["safetensors"]]}, indent=1) + "\n")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True, "clean_up_tokenization_spaces": False}
    if "sp" in spec:
        sp_model, tok = tt.sentencepiece_bpe(text, VOCAB, spec["sp"], spec.get("controls", []), spec["dummy_prefix"])
        config |= {"bos_token": tok.id_to_token(spec["sp"]["bos_id"]), "eos_token": tok.id_to_token(spec["sp"]["eos_id"])}
        tt.save(tok, folder, config, sp_model)
    else:
        tok = tt.byte_level(text, spec["pre"], VOCAB, spec["specials"], spec.get("bos"))
        if "bos" in spec:
            config["bos_token"] = spec["bos"]
        else:
            config["add_bos_token"] = False
        config["eos_token"] = tok.id_to_token(spec["config"]["eos_token_id"])
        tt.save(tok, folder, config)
    assert tok.get_vocab_size() <= VOCAB, tok.get_vocab_size()

    from transformers import AutoConfig
    model = AutoModelForCausalLM.from_config(
        AutoConfig.from_pretrained(folder), dtype=torch.float32, attn_implementation="eager").eval()
    random_weights(model, seed=sum(family.encode()))
    save_weights(model, folder, DTYPES[spec["safetensors"]], spec["shards"])
    # The golden comes from the files as a user would load them, in float32.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = tok.encode(PROMPT).ids[:PROMPT_TOKENS]
    assert len(ids) == PROMPT_TOKENS, len(ids)
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0].numpy().astype("<f4")
    (folder / "logits.bin").write_bytes(logits.tobytes())
    (folder / "golden.json").write_text(json.dumps({
        "family": family, "prompt": PROMPT, "ids": ids, "vocab": VOCAB, "oracle": "transformers 5.23.0, float32, eager",
        "rms": round(float(np.sqrt((logits**2).mean())), 4)}) + "\n")
    convert(folder, spec)
    (folder / "tokenizer.model").unlink(missing_ok=True)  # tokenizer.json and the GGUF hold the same
    for file in folder.iterdir():
        file.chmod(0o644)


if __name__ == "__main__":
    out, text_path = Path(sys.argv[1]), Path(sys.argv[2])
    for name, family in FAMILIES.items():
        make(name, family, out / name, text_path.read_text(encoding="utf-8"))
