package org.gatun.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class SegmentsTest {
  private static final List<Kernel> LAYER =
      List.of(
          Kernel.NORM, Kernel.PRODUCT, Kernel.ROTARY, Kernel.ROTARY, Kernel.APPEND, Kernel.ATTEND);

  /** The kernels in the order the runs give them. */
  private static List<Kernel> unrolled(Segments s) {
    List<Kernel> all = new ArrayList<>();
    for (Segments.Run r : s.runs()) {
      assertThat(r.first()).isEqualTo(all.size());
      all.addAll(s.kernels().get(r.segment()));
    }
    return all;
  }

  private static List<Kernel> model(int layers) {
    List<Kernel> all = new ArrayList<>(List.of(Kernel.EMBED));
    for (int i = 0; i < layers; i++) {
      all.addAll(LAYER);
    }
    all.addAll(List.of(Kernel.PRODUCT, Kernel.CHOICE));
    return all;
  }

  @Test
  void layersShareOneSegment() {
    List<Kernel> all = model(18);
    Segments s = Segments.of(all);
    assertThat(unrolled(s)).isEqualTo(all);
    assertThat(s.kernels()).hasSize(3);
    assertThat(s.runs()).hasSize(20);
    assertThat(s.kernels().get(1)).hasSize(LAYER.size());
  }

  @Test
  void whatDoesNotRepeatIsRunOnce() {
    for (List<Kernel> all :
        List.of(
            List.<Kernel>of(),
            List.of(Kernel.EMBED),
            List.of(Kernel.EMBED, Kernel.NORM, Kernel.CHOICE),
            model(1),
            Collections.nCopies(300, Kernel.NORM))) {
      assertThat(unrolled(Segments.of(all))).isEqualTo(all);
    }
  }
}
