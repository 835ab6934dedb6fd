package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.SoftAssertions;
import org.gatun.json.Json;
import org.gatun.json.JsonObject;
import org.gatun.text.jinja.Template;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates against what Jinja itself makes of them (goldens.json), and hostile ones. */
class ChatTemplateTest {
  private static final LocalDateTime NOW = LocalDateTime.of(2026, 3, 5, 9, 7, 3);
  private static final Map<String, String> TOKENS = Map.of("bos_token", "<s>", "eos_token", "</s>");

  static String resource(String name) throws Exception {
    try (InputStream in = ChatTemplateTest.class.getResourceAsStream("/templates/" + name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String render(String source, Map<String, Object> variables) throws Exception {
    Map<String, Object> all = new LinkedHashMap<>(TOKENS);
    all.putAll(variables);
    return Template.parse(source).render(all, () -> NOW);
  }

  @Test
  void outputIsJinjas() throws Exception {
    JsonObject goldens = Json.readObject(resource("goldens.json"));
    SoftAssertions soft = new SoftAssertions();
    for (JsonObject row : goldens.objects("rows")) {
      String source =
          row.has("snippet") ? row.string("snippet") : resource(row.string("template") + ".jinja");
      Map<String, Object> variables =
          row.has("snippet")
              ? Map.of()
              : goldens.object("conversations").object(row.string("conversation")).fields();
      String label =
          row.has("snippet") ? source : row.string("template") + " × " + row.string("conversation");
      try {
        String output = render(source, variables);
        soft.assertThat(output).as(label).isEqualTo(row.stringOrNull("output"));
      } catch (TextFormatException e) {
        soft.assertThat(row.has("error")).as(label + " → " + e.getMessage()).isTrue();
        soft.assertThat(e.getMessage()).doesNotContain("\n");
      }
    }
    soft.assertAll();
    assertThat(goldens.objects("rows")).hasSizeGreaterThan(130);
  }

  @Test
  void templateIsPartOfTheTokenizer() throws Exception {
    Map<String, Object> metadata = TokenizerTest.gguf("llama3", "llama-bpe");
    metadata.put(
        "tokenizer.chat_template",
        "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
    Tokenizer tokenizer = Tokenizers.fromGguf(TokenizerSource.fromMetadata(metadata::get));
    String text =
        ChatTemplate.of(tokenizer).render(List.of(Map.of("content", "Hi")), true, Map.of());
    assertThat(text).isEqualTo("<|begin_of_text|>Hi");
    assertThat(tokenizer.encode(text, false, true)).startsWith(tokenizer.bos());
    metadata.remove("tokenizer.chat_template");
    Tokenizer without = Tokenizers.fromGguf(TokenizerSource.fromMetadata(metadata::get));
    assertThatThrownBy(() -> ChatTemplate.of(without)).isInstanceOf(TextFormatException.class);
  }

  @Test
  void errorsNameTheLine() {
    assertThatThrownBy(() -> render("a\n\n{{ 1 + 'x' }}", Map.of()))
        .hasMessage("chat template, line 3: '+' does not work on an integer and a string");
    assertThatThrownBy(() -> render("a\n{% include 'x' %}", Map.of()))
        .hasMessage("chat template, line 2: unsupported tag 'include'");
    assertThatThrownBy(() -> render("{{ raise_exception('roles\nmust alternate') }}", Map.of()))
        .hasMessage("the chat template refuses the messages: roles must alternate");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(1000000000) %}x{% endfor %}",
        "{{ range(9223372036854775807)|list|length }}",
        "{{ 'x' * 1000000000000 }}",
        "{{ [0] * 1000000000000 }}",
        "{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == [[1]] }}{{ ns.l|tojson }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(900000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 10 ** 100 }}",
        "{{ 9223372036854775807 + 1 }}",
        "{% set a = 'a' * 1000000 %}{{ (a ~ 'b') in a * 20 }}{{ (a * 20).replace('a', 'bbbbbbbbbb') }}",
        "{{ ('a' * 1000000).split('a' * 100000 ~ 'b') }}{% for i in range(100000) %}{{ ('ab' * 1000000).count('abab') }}{% endfor %}",
        "{{ [3, 'a']|sort }}",
        "{{ 'a'|indent(1000000000) * 1000000000 }}",
        "{{ [1]|tojson(indent=1000000000000) * 100000000 }}",
      })
  void workAndMemoryAreBounded(String source) {
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () ->
            assertThatThrownBy(() -> render(source, Map.of()))
                .isInstanceOf(TextFormatException.class)
                .message()
                .doesNotContain("\n"));
  }

  @Test
  void nestingIsBounded() {
    for (String open :
        List.of("(", "[", "{'a':", "-", "not ", "x[", "f(", "1 if 1 else ", "a.b|d(")) {
      assertThatThrownBy(() -> Template.parse("{{ " + open.repeat(50_000)))
          .isInstanceOf(TextFormatException.class);
    }
    assertThatThrownBy(() -> Template.parse("{% if 1 %}".repeat(50_000)))
        .isInstanceOf(TextFormatException.class);
    assertThatThrownBy(() -> Template.parse("x".repeat(2_000_000)))
        .isInstanceOf(TextFormatException.class);
    assertThatThrownBy(() -> render("{{ 1" + " + 1".repeat(50_000) + " }}", Map.of()))
        .isInstanceOf(TextFormatException.class);
  }

  @Test
  void longConversationsRender() throws Exception {
    Map<String, Object> message = Map.of("role", "user", "content", "word ".repeat(200_000));
    String output =
        render(
            resource("chatml.jinja"),
            Map.of("messages", List.of(message, message, message, message)));
    assertThat(output).hasSizeGreaterThan(4_000_000);
  }
}
