package org.gatun.cli;

import java.util.Arrays;
import java.util.concurrent.Callable;
import org.gatun.json.Json;
import org.gatun.model.Model;
import org.gatun.text.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code gatun tokenize}: the token ids of a text. */
@Command(
    name = "tokenize",
    description = "Show the tokens of a text.",
    mixinStandardHelpOptions = true)
final class TokenizeCommand implements Callable<Integer> {
  @Option(
      names = {"-m", "--model"},
      description = "A model file or name (default: ${DEFAULT-VALUE}).",
      defaultValue = "gemma3-270m")
  private String model = "";

  @Option(names = "--no-bos", description = "Leave out what the model wants around a text.")
  private boolean plain;

  @Option(
      names = "--special",
      description = "Read control tokens that are spelled out in the text.")
  private boolean special;

  @Option(names = "--json", description = "Print the ids as a JSON array.")
  private boolean json;

  @Parameters(paramLabel = "TEXT", description = "The text.")
  private String text = "";

  @Override
  public Integer call() {
    try (ProgressBar bar = new ProgressBar();
        Model m = Model.open(ModelPaths.resolve(model, bar))) {
      Tokenizer t = m.tokenizer();
      int[] ids = t.encode(text, !plain, special);
      if (json) {
        System.out.println(Json.write(Arrays.stream(ids).boxed().toList()));
      } else {
        for (int id : ids) {
          System.out.printf("%8d  %s%n", id, Json.write(t.piece(id)));
        }
      }
    }
    return 0;
  }
}
