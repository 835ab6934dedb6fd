package org.gatun.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.RenderResult;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.gatun.text.jinja.Template;
import org.junit.jupiter.api.Test;

/**
 * A second oracle, on conversations that are made up: jinjava, where it keeps to Jinja. It does not
 * in its precedence of {@code not}, with {@code lstrip_blocks}, and in nested rendering; the oracle
 * for those is Jinja itself, in {@link ChatTemplateTest}.
 */
class JinjavaOracleTest {
  private static final String CHATML =
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content']"
          + " + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{"
          + " '<|im_start|>assistant\\n' }}{% endif %}";
  private static final String HEADERS =
      "{{ bos_token }}{% for m in messages %}{% if loop.first and m.role == 'system' %}[{{ m.content |"
          + " trim }}]{% elif m.role in ['user', 'assistant'] %}<{{ m.role | upper }}:{{ loop.index }}"
          + " of {{ loop.length }}>{{ m.content | replace('a', 'A') }}{% else %}?{{ m.role | length"
          + " }}{% endif %}{% if not loop.last %}, {% endif %}{% endfor %}";
  private static final String SETS =
      "{% set last = messages | last %}{% set n = messages | length %}{{ n * 2 + 1 }} {{ n // 2 }}"
          + " {{ n % 3 }} {% if n > 2 and last.role != 'user' %}x{% else %}y{% endif %} {{"
          + " messages | map(attribute='role') | join('-') }} {% macro f(a, b='d') %}({{ a }},{{ b"
          + " }}){% endmacro %}{{ f(last.role) }}{{ f(n, 2) }} {{ nothing | default('none') }} {{"
          + " last.content | lower }}{% for i in range(n) %}{{ i }}{% endfor %}";

  private static List<Map<String, Object>> conversation(Random random) {
    List<Map<String, Object>> messages = new ArrayList<>();
    String[] roles = {"system", "user", "assistant", "tool"};
    for (int n = 1 + random.nextInt(5); n > 0; n--) {
      Map<String, Object> message = new LinkedHashMap<>();
      message.put("role", roles[random.nextInt(roles.length)]);
      // jinjava spells control characters out, and trims ASCII blanks only.
      String text =
          SampleTexts.random(1, random.nextLong()).getFirst().replaceAll("[\\p{Cc}&&[^\n]]", "");
      message.put("content", " x" + text + "x\n");
      messages.add(message);
    }
    return messages;
  }

  @Test
  void rendersWhatJinjavaRenders() throws Exception {
    Jinjava jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLegacyOverrides(LegacyOverrides.ALL)
                .withNestedInterpretationEnabled(false)
                .build());
    for (String source : List.of(CHATML, HEADERS, SETS)) {
      Template template = Template.parse(source);
      for (int seed = 0; seed < 60; seed++) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", conversation(new Random(seed)));
        variables.put("bos_token", "<s>");
        variables.put("add_generation_prompt", seed % 2 == 0);
        RenderResult expected = jinjava.renderForResult(source, variables);
        assertThat(expected.getErrors()).isEmpty();
        assertThat(template.render(variables, LocalDateTime::now)).isEqualTo(expected.getOutput());
      }
    }
  }
}
