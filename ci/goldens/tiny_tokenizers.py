"""Small tokenizer.json files in the shape of published families, trained on a committed text.

  python ci/goldens/tiny_tokenizers.py runtime/src/test/resources/tokenizers

Needs: pip install tokenizers==0.23.3. Pre-tokenizers, normalizers and decoders are those of the published
files; the vocabularies are our own, a thousand tokens each.
"""

import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parents[2] / "runtime/src/test/resources"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def corpus():
    lines = [json.loads(s.rstrip(",\n"))["text"] for s in open(HERE / "goldens/gemma3-270m/tokens.json") if "text" in s]
    text = open(HERE / "goldens/gemma3-270m/alice.txt", encoding="utf-8").read()
    code = ["if (x == 1) {\n    return y;\n}\n\n", "  \t\n\n   def f(a, b):\n\treturn a+b  # 12345\n"]
    return [text] + (lines + code) * 8


def byte_level(split, **options):
    t = Tokenizer(models.BPE(**options))
    steps = [pre_tokenizers.Split(Regex(split), "isolated")] if split else []
    t.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(False, use_regex=not split)])
    t.decoder = decoders.ByteLevel()
    return t


def train(t, specials, alphabet=None):
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=specials, show_progress=False,
                                  initial_alphabet=alphabet or [], limit_alphabet=400)
    t.train_from_iterator(corpus(), trainer)


def gpt2():
    t = byte_level("")
    train(t, ["<|endoftext|>"], pre_tokenizers.ByteLevel.alphabet())
    return t


def llama3():
    t = byte_level(LLAMA3, ignore_merges=True)
    train(t, ["<|begin_of_text|>", "<|eot_id|>"], pre_tokenizers.ByteLevel.alphabet())
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="$A $B",
                                      special_tokens=[("<|begin_of_text|>", 0)])])
    return t


def qwen2():
    t = byte_level(QWEN2)
    t.normalizer = normalizers.NFC()
    train(t, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], pre_tokenizers.ByteLevel.alphabet())
    t.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False),
                  AddedToken("<think>", normalized=False)])
    return t


def tekken():
    t = byte_level(TEKKEN)
    train(t, ["<s>", "</s>", "[INST]", "[/INST]"], pre_tokenizers.ByteLevel.alphabet())
    return t


def smollm():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    t.decoder = decoders.ByteLevel()
    train(t, ["<|endoftext|>"], pre_tokenizers.ByteLevel.alphabet())
    return t


BYTES = [f"<0x{i:02X}>" for i in range(256)]


def sentencepiece(pre_normalizers, pre_tokenizer, strip):
    t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    t.normalizer = normalizers.Sequence(pre_normalizers or [normalizers.Replace(" ", "▁")])
    t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # for training only
    train(t, ["<unk>", "<s>", "</s>"] + BYTES)
    data = json.loads(t.to_str())
    data["added_tokens"] = [a for a in data["added_tokens"] if a["content"] not in BYTES]
    data["pre_tokenizer"] = None
    data["normalizer"] = data["normalizer"] if pre_normalizers else None
    t = Tokenizer.from_str(json.dumps(data))
    if pre_tokenizer:
        t.pre_tokenizer = pre_tokenizer
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    t.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="$A $B", special_tokens=[("<s>", 1)])
    return t


def llama2():
    return sentencepiece([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")], None, True)


def gemma():
    t = sentencepiece([normalizers.Replace(" ", "▁")], pre_tokenizers.Split(" ", "merged_with_previous"), False)
    t.add_tokens([AddedToken("\n" * n, normalized=False) for n in range(2, 8)] + [AddedToken("</div>", normalized=False)])
    return t


def mistral():
    t = sentencepiece([], pre_tokenizers.Metaspace("▁", "first", split=False), True)
    t.add_special_tokens([AddedToken("[INST]", normalized=False, special=True, rstrip=True),
                          AddedToken("<sep>", normalized=False, special=True, lstrip=True),
                          AddedToken("WORD", normalized=False, special=True, single_word=True)])
    return t


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    for make in (gpt2, llama3, qwen2, tekken, smollm, llama2, gemma, mistral):
        # One line per file: these are data, not for reading.
        (out / f"{make.__name__}.json").write_text(
            json.dumps(json.loads(make().to_str()), ensure_ascii=False) + "\n", encoding="utf-8")
        print(make.__name__)
