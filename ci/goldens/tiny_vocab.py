"""Tiny tokenizers in the published formats, trained on the golden text: byte-level BPE and SentencePiece BPE."""

import io
import json

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

# The pre-tokenizer expressions that these families publish in tokenizer.json.
SPLIT = {
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def byte_level(text, pre, vocab, specials, bos=None):
    """Llama 3 and Qwen style; special tokens take the last ids, as published models have it."""
    tok = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    if pre == "qwen2":
        tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT[pre]), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - len(specials), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False)
    tok.train_from_iterator(text.splitlines(keepends=True), trainer)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    if bos:
        tok.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tok.token_to_id(bos))])
    return tok


def sentencepiece_bpe(text, vocab, ids, controls, dummy_prefix):
    """Trains a SentencePiece BPE model with byte fallback; returns (serialised model, tokenizers twin)."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=out, model_type="bpe", vocab_size=vocab,
        byte_fallback=True, character_coverage=0.995, add_dummy_prefix=dummy_prefix,
        normalization_rule_name="identity", remove_extra_whitespaces=False, control_symbols=controls,
        minloglevel=2, **ids)
    sp = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    pieces = {sp.id_to_piece(i): i for i in range(sp.get_piece_size())}
    normal = [p for p, i in pieces.items()
              if not (sp.is_control(i) or sp.is_unknown(i) or sp.is_byte(i) or sp.is_unused(i))]
    merges = []
    for piece in normal:
        splits = [(piece[:k], piece[k:]) for k in range(1, len(piece))]
        splits = [s for s in splits if s[0] in pieces and s[1] in pieces]
        splits.sort(key=lambda s: (pieces[s[0]], pieces[s[1]]))
        merges += [(-sp.get_score(pieces[piece]), s) for s in splits]
    merges.sort(key=lambda m: m[0])
    tok = Tokenizer(models.BPE(vocab=pieces, merges=[m[1] for m in merges], unk_token="<unk>",
                               byte_fallback=True, fuse_unk=True))
    space = normalizers.Replace(" ", "▁")
    unspace = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if dummy_prefix:
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), space])
        tok.decoder = decoders.Sequence([*unspace, decoders.Strip(" ", 1, 0)])
    else:
        tok.normalizer = space
        tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        tok.decoder = decoders.Sequence(unspace)
    named = [p for p, i in pieces.items() if sp.is_control(i) or sp.is_unknown(i)]
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in named])
    bos = sp.id_to_piece(ids["bos_id"])
    tok.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, ids["bos_id"])])
    return out.getvalue(), tok


def save(tok, folder, config, sp_model=None):
    tok.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    if sp_model:
        (folder / "tokenizer.model").write_bytes(sp_model)
