package org.gatun.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.gatun.parallel.Communicator;
import org.jspecify.annotations.Nullable;

/**
 * What a user types or pipes in. Launchers other than ours feed standard input to rank 0 alone, so
 * rank 0 reads it and broadcasts it, and the other ranks never touch theirs.
 *
 * <p>A user may think for longer than a collective may take, so rank 0 sends "nothing yet" several
 * times per deadline. A message is one int, the length or one of the marks below, and the bytes.
 */
final class PromptInput {
  private static final int END = -1;
  private static final int NOTHING_YET = -2;

  private final BufferedReader in;
  private final @Nullable Communicator group;

  PromptInput(InputStream in, @Nullable Communicator group) {
    this.in = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    this.group = group;
  }

  private interface Source {
    @Nullable String read() throws IOException;
  }

  /** All there is up to the end of the input, the same on every rank. */
  String all() throws IOException {
    String text = next(this::rest);
    return text == null ? "" : text;
  }

  private String rest() throws IOException {
    StringWriter text = new StringWriter();
    long unused = in.transferTo(text);
    return text.toString();
  }

  /** The next line, the same on every rank; null at the end. */
  @Nullable String line() throws IOException {
    return next(in::readLine);
  }

  private @Nullable String next(Source source) throws IOException {
    if (group == null) {
      return source.read();
    }
    return group.rank() == 0 ? send(source, group) : receive(group);
  }

  private static @Nullable String send(Source source, Communicator group) throws IOException {
    BlockingQueue<Optional<String>> queue = new LinkedBlockingQueue<>();
    IOException[] failed = new IOException[1];
    Thread unused =
        Thread.ofPlatform()
            .daemon()
            .name("gatun-input")
            .start(
                () -> {
                  Optional<String> read = Optional.empty();
                  try {
                    read = Optional.ofNullable(source.read());
                  } catch (IOException e) {
                    failed[0] = e;
                  }
                  queue.add(read);
                });
    try {
      @Nullable Optional<String> read = null;
      while (read == null) {
        read = queue.poll(group.timeout().toMillis() / 4, TimeUnit.MILLISECONDS);
        if (read == null) {
          mark(group, NOTHING_YET);
        }
      }
      byte[] bytes = read.orElse("").getBytes(StandardCharsets.UTF_8);
      mark(group, read.isPresent() ? bytes.length : END);
      if (read.isPresent()) {
        group.broadcast(MemorySegment.ofArray(bytes), 0);
      }
      if (failed[0] != null) {
        throw failed[0];
      }
      return read.orElse(null);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while reading standard input", e);
    }
  }

  private static @Nullable String receive(Communicator group) {
    int length;
    do {
      length = mark(group, 0);
    } while (length == NOTHING_YET);
    if (length == END) {
      return null;
    }
    byte[] bytes = new byte[length];
    group.broadcast(MemorySegment.ofArray(bytes), 0);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Rank 0's number, on every rank. */
  private static int mark(Communicator group, int value) {
    int[] word = {value};
    group.broadcast(MemorySegment.ofArray(word), 0);
    return word[0];
  }
}
