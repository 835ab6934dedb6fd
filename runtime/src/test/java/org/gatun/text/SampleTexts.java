package org.gatun.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/** Texts in many languages and scripts, and texts made to break tokenizers. */
final class SampleTexts {
  static final List<String> LANGUAGES =
      List.of(
          "The quick brown fox jumps over the lazy dog; it's 3.14 and I'll pay $12,345.67!",
          "Donaudampfschifffahrtsgesellschaftskapitän — Straße, ẞ, “Übergröße”",
          "Où est l'élève ? Ça va très bien, merci ! cœur naïf",
          "¿Qué tal? ¡Mañana será otro día! El niño comió piñas.",
          "İstanbul'da ıslak ılık çay içtim; Iğdır IĞDIR",
          "Žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń",
          "Ελληνικά: Καλημέρα κόσμε, τι κάνεις;",
          "Привет, мир! Съешь ещё этих мягких французских булок. Ёлка",
          "שלום עולם, מה שלומך? בְּרֵאשִׁית",
          "مرحبا بالعالم، كيف الحال؟ ١٢٣٤ بِسْمِ",
          "हिन्दी में नमस्ते दुनिया। क्षत्रिय ज्ञान १२३",
          "தமிழ் மொழி வணக்கம்",
          "ภาษาไทยไม่มีช่องว่าง สวัสดีครับ",
          "ພາສາລາວ",
          "မြန်မာဘာသာ",
          "中文分词：我爱北京天安门。𠀀𪚥 ２０２６年",
          "日本語のテキスト、カタカナとひらがな。ｶﾞ",
          "한국어 텍스트입니다. 한",
          "ქართული ენა",
          "አማርኛ ሰላም",
          "Tiếng Việt có dấu: Việt Nam",
          "👍👋🏽 👩‍👩‍👧‍👦 🇩🇪🇯🇵 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
          "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝓢𝓬𝓻𝓲𝓹𝓽 ﬁ ﬂ Ⅷ ℵ ㎏ ½ ²",
          "int main(void) {\n\treturn x->y[0] == 0x1F ? 1 : 0; // C\r\n}\n",
          "def f(a, b):\n    \"\"\"doc\"\"\"\n    return {'k': [1, 2.5e-3]}\n\n\n",
          "<div class=\"a\">&amp;</div> https://example.org/a?b=c&d=%20#e C:\\path\\file");

  static final List<String> ADVERSARIAL =
      List.of(
          "",
          " ",
          "  ",
          "   a",
          "a   ",
          "\n",
          "\n\n\n",
          " \n ",
          "\t\t x",
          "\r\n\r\n",
          "   \n\n  x\n",
          "'s 'S 'T 'rE 'VE 'll 'LL 'Ll 'm 'd '",
          "'ſ'",
          "don't DON'T I'm I'M they'Re 'sx 'tx",
          "123456789012345",
          "1 22 333 4444",
          "a1b2c3",
          "٣٤٥ ½²३",
          "x'",
          "\u00a0a\u00a0\u3000b\u2028c\u0085d",
          "\u0000a\u0000",
          "\ufeffBOM",
          "\u200b\u200d",
          "\u202eabc\u202c",
          "\ufffd\uffff",
          "\u001c\u001f x",
          "e\u0301 é \u0301 a\u0323\u0307 a\u0307\u0323 \u1112\u1161\u11ab \u212b \uf900",
          "▁",
          "▁▁a▁",
          "<s>",
          "</s>",
          "<unk>",
          "<0x41><0xFF>",
          "<|endoftext|>",
          "<|begin_of_text|>x",
          "<|im_start|>user\nhi<|im_end|>\n",
          "a <|eot_id|> b",
          "[INST]   x [/INST]  y",
          "  <sep>  z",
          "WORD WORDS aWORD WORD.",
          "<tool_call>{}</tool_call>",
          "<think>",
          "</div></div>",
          "<|im_start",
          "!?!?!?!?",
          "----------",
          "=====\n=====",
          "....",
          "/* // */ /\n/",
          "a/b//c\n/",
          "aaaaaaaaaaaaaaaa",
          "abababababab",
          "xqzjkvbw qqq",
          "\uD83D\uDC4D",
          "\uDBFF\uDFFF",
          "ÀÁ ÂÃ",
          "ǅ ǲ ʰ ª º",
          "A\u0300B\u0300c",
          "HTMLParser getURLFor XMLHttpRequest2",
          "ÉCOLE École éCOLE",
          "日Aa本",
          "  leading",
          "trailing  ");

  private static final List<String> ATOMS =
      List.of(
          " ",
          "  ",
          "\n",
          "\r",
          "\t",
          "'s",
          "'LL",
          "'",
          "a",
          "The",
          "the",
          "Z",
          "é",
          "e\u0301",
          "ß",
          "я",
          "語",
          "한",
          "ا",
          "1",
          "42",
          "٣",
          "½",
          ".",
          "!?",
          "-",
          "_",
          "/",
          "{",
          "▁",
          "👍",
          "🏽",
          "\u200d",
          "\u00a0",
          "\u3000",
          "\u0000",
          "<s>",
          "</s>",
          "<|im_end|>",
          "<|eot_id|>",
          "[INST]",
          "<sep>",
          "WORD",
          "\n\n",
          "</div>",
          "𝔘",
          "ʰ",
          "ǅ");

  private SampleTexts() {}

  static Stream<String> all() {
    return Stream.concat(LANGUAGES.stream(), ADVERSARIAL.stream());
  }

  /** Texts of random atoms, the same for the same seed. */
  static List<String> random(int count, long seed) {
    Random random = new Random(seed);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(24); n >= 0; n--) {
        if (random.nextInt(8) == 0) {
          int c = random.nextInt(random.nextBoolean() ? 0x3000 : 0x110000);
          // Unassigned code points get their class from the Unicode version, which differs.
          if (Character.isDefined(c) && !Character.isSurrogate((char) c)) {
            text.appendCodePoint(c);
          }
        } else {
          text.append(ATOMS.get(random.nextInt(ATOMS.size())));
        }
      }
      texts.add(text.toString());
    }
    return texts;
  }
}
