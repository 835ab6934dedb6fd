package org.gatun.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;
import org.gatun.backend.Progress;
import org.gatun.model.gguf.GgufWriter;
import org.gatun.tensor.DType;
import org.gatun.tensor.codec.Codecs;
import org.gatun.tensor.codec.RandomBlocks;

/**
 * A model to measure speed with: the shape of Llama 3.2 1B (GQA 32/8, head dim 64, vocabulary
 * 128,256), random valid blocks, a synthetic byte-level BPE tokenizer. Equal formats give equal
 * bytes on every machine.
 *
 * <p>The 4-bit formats have their embedding table in Q6_K, as llama.cpp's quantiser does.
 */
public enum SpeedModel {
  Q8_0(DType.Q8_0, DType.Q8_0),
  Q4_0(DType.Q4_0, DType.Q6_K),
  Q4_K(DType.Q4_K, DType.Q6_K);

  static final int VOCABULARY = 128_256;
  private static final int CONTEXT = 131_072;
  private static final int LAYERS = 16;
  private static final int WIDTH = 2048;
  private static final int FEED_FORWARD = 8192;
  private static final int HEADS = 32;
  private static final int KV_HEADS = 8;
  private static final int HEAD_DIM = 64;
  private static final int CHUNK_BLOCKS = 4096;
  private static final float DEVIATION = 0.02f;

  private final DType matrices;
  private final DType embedding;

  SpeedModel(DType matrices, DType embedding) {
    this.matrices = matrices;
    this.embedding = embedding;
  }

  /** The name on the command line: {@code speed-q8_0} and so on. */
  public String modelName() {
    return "speed-" + name().toLowerCase(Locale.ROOT);
  }

  /** The speed model of this command-line name. */
  public static Optional<SpeedModel> named(String name) {
    for (SpeedModel model : values()) {
      if (model.modelName().equals(name)) {
        return Optional.of(model);
      }
    }
    return Optional.empty();
  }

  /** Where {@link #ensure} keeps the file. */
  public Path path(Path cacheDir) {
    return cacheDir.resolve("models").resolve(modelName() + ".gguf");
  }

  /**
   * The path of the file in the cache, written first if it is not there. Processes that start
   * together write it once; an interrupted one leaves nothing that looks whole.
   *
   * @throws ModelFormatException if it cannot be written
   */
  public Path ensure(Path cacheDir, Progress progress) {
    Path path = path(cacheDir);
    if (Files.exists(path)) {
      return path;
    }
    try {
      Files.createDirectories(path.getParent());
      Path lockFile = path.resolveSibling(path.getFileName() + ".lock");
      try (FileChannel lock =
          FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        // Released when the channel closes, also when the process dies.
        var unused = lock.lock();
        if (!Files.exists(path)) {
          Path part = path.resolveSibling(path.getFileName() + ".part");
          GgufWriter writer = writer(LAYERS, VOCABULARY);
          long total = writer.dataBytes();
          write(writer, part, done -> progress.report("write " + modelName(), done, total));
          Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
        }
      }
      return path;
    } catch (IOException | UncheckedIOException e) {
      throw new ModelFormatException(
          path + ": cannot be written: " + e.getMessage() + " (it needs about 1.3 GB of disk)", e);
    }
  }

  private static void write(GgufWriter writer, Path part, LongConsumer progress)
      throws IOException {
    try {
      writer.write(part, progress);
    } catch (IOException | RuntimeException | Error e) {
      Files.deleteIfExists(part);
      throw e;
    }
  }

  /**
   * Writes a smaller twin: fewer layers of the same shape, a smaller vocabulary. For machines that
   * take minutes for a token, such as simulated ones.
   *
   * @throws ModelFormatException if it cannot be written
   */
  public void write(Path file, int layers, int vocabulary) {
    try {
      write(writer(layers, vocabulary), file, done -> {});
    } catch (IOException | UncheckedIOException e) {
      throw new ModelFormatException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }

  private GgufWriter writer(int layers, int vocabulary) {
    GgufWriter w =
        new GgufWriter()
            .put("general.architecture", "llama")
            .put("general.name", modelName())
            .put("general.quantization_version", 2)
            .put("llama.vocab_size", vocabulary)
            .put("llama.context_length", CONTEXT)
            .put("llama.block_count", layers)
            .put("llama.embedding_length", WIDTH)
            .put("llama.feed_forward_length", FEED_FORWARD)
            .put("llama.attention.head_count", HEADS)
            .put("llama.attention.head_count_kv", KV_HEADS)
            .put("llama.attention.key_length", HEAD_DIM)
            .put("llama.attention.value_length", HEAD_DIM)
            .put("llama.attention.layer_norm_rms_epsilon", 1e-5f)
            .put("llama.rope.dimension_count", HEAD_DIM)
            .put("llama.rope.freq_base", 500_000f);
    SyntheticVocabulary.of(vocabulary).putInto(w);

    float[] factors = RopeFactors.llama3(HEAD_DIM, 500_000, 32, 1, 4, 8192);
    tensor(w, "rope_freqs.weight", factors);
    matrix(w, "token_embd.weight", embedding, WIDTH, vocabulary);
    norm(w, "output_norm.weight");
    for (int l = 0; l < layers; l++) {
      String n = "blk." + l + ".";
      norm(w, n + "attn_norm.weight");
      matrix(w, n + "attn_q.weight", matrices, WIDTH, HEADS * HEAD_DIM);
      matrix(w, n + "attn_k.weight", matrices, WIDTH, KV_HEADS * HEAD_DIM);
      matrix(w, n + "attn_v.weight", matrices, WIDTH, KV_HEADS * HEAD_DIM);
      matrix(w, n + "attn_output.weight", matrices, HEADS * HEAD_DIM, WIDTH);
      norm(w, n + "ffn_norm.weight");
      matrix(w, n + "ffn_gate.weight", matrices, WIDTH, FEED_FORWARD);
      matrix(w, n + "ffn_up.weight", matrices, WIDTH, FEED_FORWARD);
      matrix(w, n + "ffn_down.weight", matrices, FEED_FORWARD, WIDTH);
    }
    return w;
  }

  private static void norm(GgufWriter w, String name) {
    SplittableRandom random = new SplittableRandom(name.hashCode());
    float[] weight = new float[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
      weight[i] = (float) random.nextDouble(0.8, 1.2);
    }
    tensor(w, name, weight);
  }

  private static void tensor(GgufWriter w, String name, float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length);
    Codecs.encode(DType.F32, values, 0, values.length, MemorySegment.ofBuffer(bytes), 0);
    w.tensor(name, DType.F32, new long[] {values.length}, bytes);
  }

  private static void matrix(GgufWriter w, String name, DType dtype, int cols, int rows) {
    w.tensor(
        name,
        dtype,
        new long[] {cols, rows},
        out -> randomBlocks(out, dtype, dtype.bytes((long) rows * cols), name.hashCode()));
  }

  private static void randomBlocks(WritableByteChannel out, DType dtype, long bytes, long seed)
      throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate((long) CHUNK_BLOCKS * dtype.blockBytes());
      for (long at = 0; at < bytes; at += chunk.byteSize()) {
        MemorySegment part = chunk.asSlice(0, Math.min(chunk.byteSize(), bytes - at));
        RandomBlocks.fill(dtype, part, random, DEVIATION);
        ByteBuffer buffer = part.asByteBuffer();
        while (buffer.hasRemaining()) {
          out.write(buffer);
        }
      }
    }
  }
}
