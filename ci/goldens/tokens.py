"""Tokenizer goldens of a GGUF model from llama.cpp: adversarial and multilingual strings.

  python ci/goldens/tokens.py MODEL.gguf OUT.json

"ids" without BOS, special tokens as plain text; "special" (where it differs) with special tokens parsed.
"""

import json
import sys

from llama_oracle import Llama

STRINGS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\n\n\n\n", "\t", "\t\t x", "\r\n", " \n ", "a", " a", "a ", "  a  b  ",
    "Hello, world!", " Hello world", "HELLO hello HeLLo", "don't I'll we've SHE'S they'D",
    "The quick brown fox jumps over the lazy dog.",
    "Donaudampfschifffahrtsgesellschaftskapitän", "naïve café résumé — “quotes” … ‘single’",
    "cafe\u0301 e\u0301 vs é", "Straße ẞ ß", "İstanbul ıİiI", "Ελληνικά: Καλημέρα κόσμε", "Привет, мир! Ёлка",
    "שלום עולם", "مرحبا بالعالم، كيف الحال؟", "हिन्दी में नमस्ते दुनिया", "ภาษาไทยไม่มีช่องว่าง", "中文分词：我爱北京天安门。", "日本語のテキスト、カタカナ。",
    "한국어 텍스트입니다", "ქართული ენა", "አማርኛ", "Tiếng Việt có dấu",
    "0", "1234567890", "3.14159265358979", "1,000,000", "0xDEADBEEF", "10^-9", "²½٣४",
    "👍", "👩‍👩‍👧‍👦 family", "🇩🇪🇯🇵", "👋🏽", "\U0001F9FF\U00010348\U0001D11E",
    "int main(void) { return 0; } // C", "if x == 1:\n\treturn {'a': [1, 2]}\n", "<div class=\"a\">&amp;</div>",
    "SELECT * FROM t WHERE a <> 'b';", "https://example.org/a?b=c&d=%20#e", "C:\\path\\to\\file",
    "\u0000", "a\u0000b", "\u200b\u200d\ufeff", "\u202eabc\u202c", "\ufffd\uffff", "a\u00a0b\u3000c", "\x7f\x1b[0m",
    "▁", "▁▁Hello▁world", "<s>", "<bos>", "</s><eos><pad><unk>", "<start_of_turn>user\nHi<end_of_turn>\n",
    "<0x41><0xFF>", "<unused5>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "----------------------------------------", "=" * 17, "!?" * 9, " " * 33, "\n" * 17, "ab" * 50,
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "xqzjkvbw qqq zzzyx", "ﬁ ﬂ Ⅷ ℵ ㎏",
    "한\u1112\u1161\u11ab", "́̂̃ combining first", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝓢𝓬𝓻𝓲𝓹𝓽",
]


def tokenize_all(path):
    model = Llama(path, n_ctx=32)
    cases = []
    for s in STRINGS:
        case = {"text": s, "ids": model.tokenize(s, bos=False)}
        special = model.tokenize(s, bos=False, special=True)
        if special != case["ids"]:
            case["special"] = special
        cases.append(case)
    model.close()
    return cases


if __name__ == "__main__":
    rows = tokenize_all(sys.argv[1])
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(len(rows), "strings")
