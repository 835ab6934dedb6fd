package org.gatun.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.fuzz.RandomText;
import org.gatun.fuzz.Trials;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
  @Test
  void readsEveryKindOfValue() throws Exception {
    JsonObject o =
        Json.readObject(
            "{\"s\":\"a\\u00e9\\n"
                + "\",\"i\":-9223372036854775808,\"big\":1e3,\"huge\":9223372036854775808,"
                + "\"t\":true,\"n\":null,\"l\":[1,\"x\",[]],\"o\":{\"k\":[1,2]},\"inf\":Infinity}");
    assertThat(o.string("s")).isEqualTo("aé\n");
    assertThat(o.integer("i")).isEqualTo(Long.MIN_VALUE);
    assertThat(o.number("big")).isEqualTo(1000.0);
    assertThat(o.get("huge")).isEqualTo(9.223372036854775807E18);
    assertThat(o.bool("t", false)).isTrue();
    assertThat(o.has("n")).isFalse();
    assertThat(o.integer("n", 7)).isEqualTo(7);
    assertThat(o.list("l")).isEqualTo(List.of(1L, "x", List.of()));
    assertThat(o.object("o").integers("k")).containsExactly(1L, 2L);
    assertThat(o.number("inf")).isInfinite();
  }

  @Test
  void errorsNameTheField() throws Exception {
    JsonObject o = Json.readObject("{\"a\":{\"b\":{\"c\":\"x\",\"d\":[1,\"2\"]}}}");
    JsonObject b = o.object("a").object("b");
    assertThatThrownBy(() -> b.integer("c")).hasMessage("'a.b.c' must be an integer");
    assertThatThrownBy(() -> b.string("z")).hasMessage("'a.b.z' is missing (a string)");
    assertThatThrownBy(() -> b.integers("d")).hasMessage("'a.b.d' must be an array of integers");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "[1,",
        "{\"a\":1}x",
        "{\"a\":1,\"a\":2}",
        "nul",
        "\"abc",
        "{\"a\":\"\\ud8\"}",
        "[1]",
        "1",
        "{a:1}",
        "{\"a\":01}",
        "\u0000"
      })
  void badInputGivesOneLine(String text) {
    assertThatThrownBy(() -> Json.readObject(text))
        .isInstanceOf(JsonException.class)
        .message()
        .doesNotContain("\n");
  }

  @Test
  void depthIsBounded() {
    assertThatThrownBy(() -> Json.read("[".repeat(100_000))).isInstanceOf(JsonException.class);
    assertThatThrownBy(() -> Json.read("{\"a\":".repeat(100_000)))
        .isInstanceOf(JsonException.class);
    assertThatThrownBy(() -> Json.read("1".repeat(100_000))).isInstanceOf(JsonException.class);
  }

  @Test
  void anythingReadsOrFailsClearly() throws Exception {
    Trials.run(
        2000,
        random -> {
          byte[] bytes = new byte[random.nextInt(60)];
          random.nextBytes(bytes);
          try {
            Json.readObject(bytes);
          } catch (JsonException e) {
            assertThat(e.getMessage()).doesNotContain("\n");
          }
        });
  }

  @Test
  void writtenTextReadsBack() throws Exception {
    Trials.run(
        2000,
        random -> {
          String text = RandomText.wellFormed(RandomText.any(random, 60));
          long number = random.nextLong();
          double d = Double.longBitsToDouble(random.nextLong());
          Map<String, Object> map = new LinkedHashMap<>();
          map.put(text, Arrays.asList(number, d, true, null, Map.of("k", text)));
          JsonObject back = Json.readObject(Json.write(map));
          assertThat(Json.write(back)).isEqualTo(Json.write(map));
          assertThat(back.list(text).getFirst()).isEqualTo(number);
        });
  }

  @Test
  void anEncodingThatIsNoneIsAnError() {
    assertThatThrownBy(() -> Json.readObject(new byte[] {0, 0, 0x10, 0, 0, 0, 0, 0}))
        .isInstanceOf(JsonException.class)
        .hasMessageContaining("invalid JSON");
  }
}
