package org.gatun.fuzz;

import java.util.Arrays;
import java.util.List;

/** Where Jazzer begins; {@code gatun.fuzz.target} says what its bytes reach. */
public final class JazzerEntry {
  private static final FuzzTarget TARGET =
      FuzzTarget.valueOf(System.getProperty("gatun.fuzz.target"));
  private static final int WHOLE = whole();

  private JazzerEntry() {}

  /** Called by Jazzer with an input; whatever is thrown is a finding. */
  public static void fuzzerTestOneInput(byte[] bytes) throws Exception {
    // Jazzer is given headers alone; the file is as long as its header says when nothing is wrong.
    TARGET.accepts(bytes.length < WHOLE ? Arrays.copyOf(bytes, WHOLE) : bytes);
  }

  /** Bytes of a whole file, of which the header is a part; 0 where inputs have no such parts. */
  private static int whole() {
    try {
      List<byte[]> seeds = TARGET.seeds();
      int length = seeds.stream().mapToInt(s -> s.length).max().orElseThrow();
      return length > TARGET.header() ? length : 0;
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}
