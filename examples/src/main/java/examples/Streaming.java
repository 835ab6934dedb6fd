package examples;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.gatun.generate.Engine;
import org.gatun.generate.Request;
import org.gatun.generate.Session;

/** A stream of text pieces; closing it ends the generation. */
final class Streaming {
  private Streaming() {}

  public static void main(String[] args) {
    try (Engine engine = Engine.load(Path.of(args[0]));
        Session session = engine.session();
        Stream<String> pieces = session.stream("Once upon a time", Request.sample(200, 0.8f, 1))) {
      pieces.limit(40).forEach(System.out::print);
      System.out.println();
    }
  }
}
