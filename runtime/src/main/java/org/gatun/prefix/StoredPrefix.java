package org.gatun.prefix;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.gatun.attention.KvLayer;
import org.gatun.attention.PrefixData;
import org.gatun.graph.shard.TensorParallel;

/**
 * A document that was read and clustered: all that is needed to go on behind it without reading it
 * again.
 *
 * @param modelKey content key of the model that read it
 * @param family of that model
 * @param tokens ids of the whole document
 * @param data the clustered part: tokens 0 … C−1 in the layers that see everything
 * @param tail keys and values of tokens C … in every layer
 * @param quantiles thresholds by sparsity
 * @param observed queries of the observation window, the document's last tokens, per layer of
 *     {@code data}
 */
public record StoredPrefix(
    String modelKey,
    String family,
    int[] tokens,
    PrefixData data,
    List<Tail> tail,
    Quantiles quantiles,
    List<Observed> observed) {
  /**
   * Keys and values of the tokens behind the clustered ones.
   *
   * @param keys {@code tokens × width}, F32
   * @param values {@code tokens × width}, F32
   */
  public record Tail(KvLayer layer, float[] keys, float[] values) {}

  /**
   * Queries of the last tokens of the document.
   *
   * @param heads query heads
   * @param scale of the scores
   * @param softCap of the scores, 0 for none
   * @param queries {@code tokens × heads × headDim}
   */
  public record Observed(int layer, int heads, float scale, float softCap, float[] queries) {
    /** One query head of one token. */
    public double[] query(int token, int head, int headDim) {
      double[] q = new double[headDim];
      for (int i = 0; i < headDim; i++) {
        q[i] = queries[(token * heads + head) * headDim + i];
      }
      return q;
    }

    /** The queries of all heads of a group, over all tokens. */
    public double[][] group(int kvHead, int group, int headDim) {
      int tokens = queries.length / heads / headDim;
      double[][] all = new double[tokens * group][];
      for (int i = 0; i < all.length; i++) {
        all[i] = query(i / group, kvHead * group + i % group, headDim);
      }
      return all;
    }

    /** The score of a query and a key. */
    public double score(double[] q, double[] k) {
      double dot = 0;
      for (int i = 0; i < q.length; i++) {
        dot += q[i] * k[i];
      }
      return softCap > 0 ? softCap * Math.tanh(dot * scale / softCap) : dot * scale;
    }
  }

  /** The keys of one head of a layer that sees everything, in the document's order. */
  double[][] keys(KvLayer shape, int head) {
    PrefixData.Layer l = data.layer(shape.layer());
    int c = data.tokens();
    double[][] keys = new double[tokens.length][shape.headDim()];
    for (int k = 0; k < c; k++) {
      int at = l.order().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, (long) head * c + k);
      l.read(true, head, k, c, keys[at], 0);
    }
    Tail t = tail.stream().filter(x -> x.layer().equals(shape)).findFirst().orElseThrow();
    for (int k = c; k < tokens.length; k++) {
      for (int i = 0; i < shape.headDim(); i++) {
        keys[k][i] = t.keys()[(k - c) * shape.width() + head * shape.headDim() + i];
      }
    }
    return keys;
  }

  /**
   * Whether so many ranks may leave keys out. The clusters that a KV head keeps are chosen by the
   * mean score of all its query heads, and ranks that share a KV head have a part of these each.
   *
   * @param sparsity share of keys to prune
   * @throws PrefixFormatException if ranks would choose apart from each other
   */
  public void requirePrunable(double sparsity, int ranks) {
    int heads = data.layers().stream().mapToInt(l -> l.shape().kvHeads()).min().orElse(1);
    if (sparsity > 0 && heads < ranks) {
      throw new PrefixFormatException(
          "%d ranks cannot prune a prefix of a model with %s"
              .formatted(ranks, TensorParallel.sharedHeads(heads, "clusters")));
    }
  }

  /** A number that another document, or another clustering of this one, hardly has. */
  public long fingerprint() {
    CRC32C planes = new CRC32C();
    for (PrefixData.Layer l : data.layers()) {
      planes.update(l.centroids().asByteBuffer());
      planes.update(l.starts().asByteBuffer());
    }
    int rest =
        31 * (31 * Arrays.hashCode(tokens) + Arrays.hashCode(quantiles.fine()))
            + Arrays.hashCode(quantiles.coarse());
    return planes.getValue() << 32 | rest & 0xffff_ffffL;
  }

  /** Tokens behind the clustered ones. */
  public int tailTokens() {
    return tokens.length - data.tokens();
  }
}
