package examples;

import java.nio.file.Path;
import org.gatun.generate.Engine;
import org.gatun.generate.Generation;
import org.gatun.generate.Request;
import org.gatun.generate.Session;

/** Load, open a session, generate. */
final class Generate {
  private Generate() {}

  public static void main(String[] args) {
    try (Engine engine = Engine.load(Path.of(args[0]));
        Session session = engine.session()) {
      Generation g = session.generate("Once upon a time", Request.greedy(64), System.out::print);
      System.out.println("\n" + g.finish() + ", " + g.tokens().length + " tokens");
    }
  }
}
