package org.gatun.prefix;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixThresholds;

/**
 * What pruning costs on the document's own queries: those of its last tokens, each choosing for
 * itself as in decode, over the clustered keys and the tail up to itself.
 */
public final class PrefixQuality {
  private final StoredPrefix prefix;

  /**
   * One layer under one plan.
   *
   * @param kept share of the clustered keys that was read
   * @param mass softmax mass of what was read, the tail included: mean over queries and heads
   * @param worst the least of them
   * @param error of the output, relative to its length: mean
   */
  public record Row(
      int layer,
      int levels,
      double sparsity,
      double kept,
      double mass,
      double worst,
      double error) {}

  /** The quality of a prefix. */
  public PrefixQuality(StoredPrefix prefix) {
    this.prefix = prefix;
  }

  /** A row per layer, level and sparsity. */
  public List<Row> rows(double... sparsities) {
    List<Row> rows = new ArrayList<>();
    for (StoredPrefix.Observed o : prefix.observed()) {
      PrefixData.Layer l = prefix.data().layer(o.layer());
      for (int levels = 1; levels <= (l.coarse() > 0 ? 2 : 1); levels++) {
        for (double s : sparsities) {
          rows.add(row(l, o, levels, s));
        }
      }
    }
    return rows;
  }

  private Row row(PrefixData.Layer l, StoredPrefix.Observed o, int levels, double sparsity) {
    int heads = l.shape().kvHeads();
    double[] sum = new double[3];
    double worst = 1;
    int n = 0;
    for (int h = 0; h < heads; h++) {
      double[][] keys = all(l, h, true);
      double[][] values = all(l, h, false);
      int head = h;
      double[][] each =
          IntStream.range(0, PrefixBuilder.WINDOW)
              .parallel()
              .mapToObj(t -> one(l, o, head, t, levels, sparsity, keys, values))
              .flatMap(List::stream)
              .toArray(double[][]::new);
      for (double[] e : each) {
        for (int i = 0; i < 3; i++) {
          sum[i] += e[i];
        }
        worst = Math.min(worst, e[1]);
        n++;
      }
    }
    return new Row(o.layer(), levels, sparsity, sum[0] / n, sum[1] / n, worst, sum[2] / n);
  }

  /** Clustered rows in cluster order, then the tail's. */
  private double[][] all(PrefixData.Layer l, int head, boolean key) {
    int c = prefix.data().tokens();
    int dim = l.shape().headDim();
    double[][] rows = new double[prefix.tokens().length][dim];
    for (int t = 0; t < c; t++) {
      l.read(key, head, t, c, rows[t], 0);
    }
    for (StoredPrefix.Tail tail : prefix.tail()) {
      if (tail.layer().layer() == l.shape().layer()) {
        for (int t = c; t < rows.length; t++) {
          for (int i = 0; i < dim; i++) {
            rows[t][i] =
                (key ? tail.keys() : tail.values())
                    [(t - c) * tail.layer().width() + head * dim + i];
          }
        }
      }
    }
    return rows;
  }

  /** Kept share, mass and error of each query head of one token. */
  private List<double[]> one(
      PrefixData.Layer l,
      StoredPrefix.Observed o,
      int head,
      int token,
      int levels,
      double sparsity,
      double[][] keys,
      double[][] values) {
    int group = o.heads() / l.shape().kvHeads();
    int dim = l.shape().headDim();
    int c = prefix.data().tokens();
    double[][] q = new double[group][];
    for (int g = 0; g < group; g++) {
      q[g] = o.query(token, head * group + g, dim);
    }
    PrefixThresholds t = prefix.quantiles().at(sparsity);
    boolean[] clusters = Selection.of(l, head, levels, q, o, t);
    int seen = prefix.tokens().length - PrefixBuilder.WINDOW + token + 1;
    boolean[] read = new boolean[seen];
    int kept = 0;
    for (int i = 0; i < l.fine(); i++) {
      for (int k = l.start(head, i); clusters[i] && k < l.start(head, i + 1); k++) {
        read[k] = true;
        kept++;
      }
    }
    java.util.Arrays.fill(read, c, seen, true);
    List<double[]> result = new ArrayList<>();
    for (double[] query : q) {
      double[] m = compare(query, o, keys, values, read);
      result.add(new double[] {kept / (double) c, m[0], m[1]});
    }
    return result;
  }

  /** Mass kept, and the relative error of the output. */
  private static double[] compare(
      double[] q, StoredPrefix.Observed o, double[][] keys, double[][] values, boolean[] read) {
    double[] x = new double[read.length];
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < x.length; i++) {
      x[i] = o.score(q, keys[i]);
      max = Math.max(max, x[i]);
    }
    double all = 0;
    double some = 0;
    double[] full = new double[q.length];
    double[] part = new double[q.length];
    for (int i = 0; i < x.length; i++) {
      double p = Math.exp(x[i] - max);
      all += p;
      some += read[i] ? p : 0;
      for (int j = 0; j < q.length; j++) {
        full[j] += p * values[i][j];
        part[j] += read[i] ? p * values[i][j] : 0;
      }
    }
    double error = 0;
    double norm = 0;
    for (int j = 0; j < q.length; j++) {
      double d = full[j] / all - (some > 0 ? part[j] / some : 0);
      error += d * d;
      norm += full[j] / all * full[j] / all;
    }
    return new double[] {some / all, Math.sqrt(error / norm)};
  }
}
