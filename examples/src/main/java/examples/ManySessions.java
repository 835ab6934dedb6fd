package examples;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Request;
import org.gatun.generate.Session;

/** Several sessions share the engine's steps; the answers do not depend on who else is there. */
final class ManySessions {
  private ManySessions() {}

  public static void main(String[] args) {
    List<String> prompts =
        List.of("The sea is", "A lock is", "In the beginning", "Two and two are");
    EngineOptions options = EngineOptions.of(Path.of(args[0])).withContext(512, prompts.size());
    try (Engine engine = Engine.load(options);
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      for (String prompt : prompts) {
        callers.submit(
            () -> {
              try (Session session = engine.session()) {
                String text = session.generate(prompt, Request.sample(32, 0.8f, 7)).text();
                System.out.println(prompt + text);
              }
            });
      }
    }
  }
}
