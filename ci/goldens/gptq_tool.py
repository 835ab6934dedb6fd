#!/usr/bin/env python3
"""Quantises the tiny Llama with a public tool, AutoGPTQ, as users publish models: 4 bits, act-order, asymmetric.

Beside the folder that the tool writes stands expected.safetensors: what the tool's own layers make of their weights,
read off by multiplying the identity with each of them ([in, out], f32). Made once with auto-gptq 0.7.1, torch 2.4.1,
transformers 4.44.2 on a CPU (Python 3.11); not part of ci/goldens/make, whose torch is too new for that tool.
  python3.11 -m venv V && V/bin/pip install "numpy<2" torch==2.4.1 transformers==4.44.2 accelerate sentencepiece safetensors
  BUILD_CUDA_EXT=0 V/bin/pip install auto-gptq==0.7.1
  V/bin/python gptq_tool.py TINY_LLAMA_FOLDER OUT_FOLDER
"""
import shutil
import sys
from pathlib import Path

import torch
from auto_gptq import AutoGPTQForCausalLM, BaseQuantizeConfig
from auto_gptq.modeling import _base
from safetensors.torch import save_file

SAMPLES, LENGTH = 16, 64


def on_cpu():
    """The tool quantises on "cuda:0" and refuses to start without it; its arithmetic is plain PyTorch and runs anywhere."""
    _base.CUDA_0 = torch.device("cpu")
    torch.cuda.synchronize = lambda *_: None
    torch.cuda.is_available = lambda: True


def main():
    on_cpu()
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.manual_seed(5)
    config = BaseQuantizeConfig(bits=4, group_size=32, desc_act=True, sym=False, damp_percent=0.01)
    model = AutoGPTQForCausalLM.from_pretrained(str(source), config, torch_dtype=torch.float32)
    vocabulary = model.config.vocab_size
    examples = []
    for _ in range(SAMPLES):
        ids = torch.randint(0, vocabulary, (1, LENGTH))
        examples.append({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    model.quantize(examples, use_triton=False, cache_examples_on_gpu=False)
    model.model.half()  # as checkpoints are published
    model.config._name_or_path = source.name  # not where the folder lay on this machine
    model.save_quantized(str(out), use_safetensors=True)
    torch.cuda.is_available = lambda: False

    back = AutoGPTQForCausalLM.from_quantized(
        str(out), device="cpu", use_triton=False, disable_exllama=True, disable_exllamav2=True,
        inject_fused_attention=False, inject_fused_mlp=False, torch_dtype=torch.float16)
    back.model.float()
    expected = {}
    for name, layer in back.model.named_modules():
        if hasattr(layer, "qweight"):
            identity = torch.eye(layer.infeatures, dtype=torch.float32)
            with torch.no_grad():
                w = layer(identity)
            if layer.bias is not None:
                w = w - layer.bias
            expected[name] = w.float().contiguous()
    save_file(expected, str(out / "expected.safetensors"))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / file, out / file)
    print(len(expected), "matrices")


if __name__ == "__main__":
    main()
