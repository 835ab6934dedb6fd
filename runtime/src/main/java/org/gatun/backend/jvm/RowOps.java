package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.gatun.backend.BackendException;
import org.gatun.graph.Step;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Rope;

/** The ops that treat rows one by one. */
final class RowOps {
  private RowOps() {}

  /** Shape of the work: the pool that shares it, the rows, and elements per row. */
  record Shape(WorkerPool pool, org.gatun.graph.Dim rows, int cols) {}

  static Exec add(Shape shape, long a, long b, long y) {
    int cols = shape.cols;
    return new RowExec(shape.pool, shape.rows, cols) {
      @Override
      void row(int r) {
        long at = 4L * r * cols;
        Norms.add(a + at, b + at, y + at, cols);
      }
    };
  }

  static Exec gate(Shape shape, Activation kind, long gate, long up, long y) {
    int cols = shape.cols;
    return new RowExec(shape.pool, shape.rows, cols) {
      @Override
      void row(int r) {
        long at = 4L * r * cols;
        VMath.gate(kind, gate + at, up + at, y + at, cols);
      }
    };
  }

  /** {@code order} holds the column numbers as f32. */
  static Exec gatherColumns(Shape shape, long x, long order, int n, long y) {
    int[] from = new int[n];
    for (int i = 0; i < n; i++) {
      from[i] = (int) Lanes.get(order + 4L * i);
      if (from[i] < 0 || from[i] >= shape.cols) {
        throw new BackendException("an order names column " + from[i] + " of " + shape.cols);
      }
    }
    return new RowExec(shape.pool, shape.rows, n) {
      @Override
      void row(int r) {
        long in = x + 4L * r * shape.cols;
        long out = y + 4L * r * n;
        for (int i = 0; i < n; i++) {
          Lanes.put(out + 4L * i, Lanes.get(in + 4L * from[i]));
        }
      }
    };
  }

  static Exec norm(Shape shape, long x, long w, int dim, float eps, long y) {
    int cols = shape.cols;
    return new RowExec(shape.pool, shape.rows, cols) {
      @Override
      void row(int r) {
        for (int g = 0; g < cols; g += dim) {
          long at = 4L * (r * (long) cols + g);
          Norms.apply(x + at, w, Norms.scale(x + at, dim, eps), y + at, dim);
        }
      }
    };
  }

  /** {@code first} is x's own weight, or 0 if x is added as it is. */
  static Exec addNorm(
      Shape shape, long x, long residual, long w, long first, float eps, long sum, long y) {
    int cols = shape.cols;
    return new RowExec(shape.pool, shape.rows, cols) {
      @Override
      void row(int r) {
        long at = 4L * r * cols;
        long from = x + at;
        if (first != 0) {
          Norms.apply(from, first, Norms.scale(from, cols, eps), sum + at, cols);
          from = sum + at;
        }
        Norms.add(from, residual + at, sum + at, cols);
        Norms.apply(sum + at, w, Norms.scale(sum + at, cols, eps), y + at, cols);
      }
    };
  }

  static Exec rope(Shape shape, Rope op, RopeTable table, long x, long y) {
    int cols = shape.cols;
    return new RowExec(shape.pool, shape.rows, cols) {
      @Override
      void prepare(Step step) {
        table.fill(step);
      }

      @Override
      void row(int r) {
        for (int h = 0; h < cols; h += op.headDim()) {
          long at = 4L * (r * (long) cols + h);
          if (op.interleaved()) {
            rotatePairs(x + at, y + at, table.cos(r), table.sin(r), op.rotaryDim() / 2);
          } else {
            rotateHalves(x + at, y + at, table.cos(r), table.sin(r), op.rotaryDim() / 2);
          }
          for (int i = op.rotaryDim(); i < op.headDim(); i++) {
            Lanes.put(y + at + 4L * i, Lanes.get(x + at + 4L * i));
          }
        }
      }
    };
  }

  private static void rotateHalves(long x, long y, long cos, long sin, int half) {
    for (int i = 0; i < half; i += N) {
      int left = half - i;
      FloatVector a = Lanes.load(x + 4L * i, left);
      FloatVector b = Lanes.load(x + 4L * (half + i), left);
      FloatVector c = Lanes.load(cos + 4L * i, left);
      FloatVector s = Lanes.load(sin + 4L * i, left);
      Lanes.store(a.mul(c).sub(b.mul(s)), y + 4L * i, left);
      Lanes.store(a.mul(s).add(b.mul(c)), y + 4L * (half + i), left);
    }
  }

  private static void rotatePairs(long x, long y, long cos, long sin, int half) {
    for (int i = 0; i < half; i++) {
      float a = Lanes.get(x + 8L * i);
      float b = Lanes.get(x + 8L * i + 4);
      float c = Lanes.get(cos + 4L * i);
      float s = Lanes.get(sin + 4L * i);
      Lanes.put(y + 8L * i, a * c - b * s);
      Lanes.put(y + 8L * i + 4, a * s + b * c);
    }
  }

  /** Rows of the step whose logits are wanted. */
  static Exec gather(int cols, long x, long y) {
    return step -> {
      for (int l = 0; l < step.logitRows(); l++) {
        long from = x + 4L * step.logit(Step.ROW, l) * cols;
        MemorySegment.copy(Lanes.ALL, from, Lanes.ALL, y + 4L * l * cols, 4L * cols);
      }
    };
  }

  /** Rows of the embedding table by token id; an id outside the table gives zeros. */
  static Exec embed(PackedWeight table, float scale, int first, MemorySegment block, long y) {
    float[] values = new float[table.dtype().blockSize()];
    return step -> {
      for (int r = 0; r < step.rows(); r++) {
        long id = step.row(Step.TOKEN, r) - (long) first;
        long to = y + 4L * r * table.cols();
        if (id >= 0 && id < table.rows()) {
          table.row(id, scale, to, block, values);
        } else {
          Lanes.ALL.asSlice(to, 4L * table.cols()).fill((byte) 0);
        }
      }
    };
  }
}
