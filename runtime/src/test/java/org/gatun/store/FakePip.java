package org.gatun.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.LongConsumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Serves a small model in two parts, and writes down each fetch. Also a process that pulls it. */
final class FakePip implements PartFetcher {
  static final byte[] CONTENT = new byte[3_000_000];

  static {
    new Random(1).nextBytes(CONTENT);
  }

  static final CatalogModel MODEL =
      new CatalogModel(
          "tiny",
          "tiny.gguf",
          CONTENT.length,
          sha256(CONTENT),
          List.of(
              new CatalogModel.Part("tiny-part1", "1.0.0", "tiny/part00"),
              new CatalogModel.Part("tiny-part2", "1.0.0", "tiny/part01")),
          "nobody's");

  private final Path log;
  private final long millis;

  /** How the n-th part served is spoiled. */
  byte[] served = CONTENT;

  FakePip(Path log, long millis) {
    this.log = log;
    this.millis = millis;
  }

  static ModelStore store(Path home, PartFetcher fetcher) {
    return new ModelStore(home, fetcher, List.of(MODEL));
  }

  @Override
  public Path fetch(CatalogModel.Part part, Path directory, LongConsumer progress)
      throws IOException {
    Files.writeString(
        log, part.distribution() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    int half = served.length / 2;
    byte[] bytes =
        part.distribution().endsWith("1")
            ? Arrays.copyOf(served, half)
            : Arrays.copyOfRange(served, half, served.length);
    Path wheel = directory.resolve("part.whl");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(wheel))) {
      zip.putNextEntry(new ZipEntry(part.entry()));
      zip.write(bytes, 0, bytes.length / 2);
      progress.accept(bytes.length / 2);
      Thread.sleep(millis);
      zip.write(bytes, bytes.length / 2, bytes.length - bytes.length / 2);
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
    progress.accept(bytes.length);
    return wheel;
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** Pulls in a process of its own: HOME LOG MILLIS. */
  public static void main(String[] args) throws Exception {
    PartFetcher pip = new FakePip(Path.of(args[1]), Long.parseLong(args[2]));
    Path file = store(Path.of(args[0]), pip).pull("tiny", (task, done, total) -> {});
    System.out.println(sha256(Files.readAllBytes(file)));
  }

  static Process start(Path home, Path log, long millis) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            FakePip.class.getName(),
            home.toString(),
            log.toString(),
            Long.toString(millis))
        .redirectErrorStream(true)
        .start();
  }

  static String output(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }
}
