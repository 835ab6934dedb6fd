package org.gatun.model.gptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.gatun.model.ModelFormatException;
import org.gatun.model.safetensors.SafetensorsFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GptqTest {
  private static SafetensorsFile checkpoint() throws Exception {
    return SafetensorsFile.open(
        Path.of(GptqTest.class.getResource("/goldens/gptq/checkpoint.safetensors").toURI()));
  }

  /** The last two carry the wrong label: their zero points tell. */
  @ParameterizedTest
  @CsvSource({"gptq1,false", "gptq2,true", "sym1,false", "sym2,true", "sym1,true", "sym2,false"})
  void gptqDecodesToThePublishedValues(String name, boolean declaredV2) throws Exception {
    try (SafetensorsFile file = checkpoint()) {
      QuantizedMatrix m = QuantizedReader.gptq(file, name, declaredV2);
      assertThat(m.dequantize()).isEqualTo(expected(file, name));
      // Act-order: the map is not the natural one.
      int[] sorted = m.groupOf().clone();
      Arrays.sort(sorted);
      assertThat(m.groupOf()).isNotEqualTo(sorted);
    }
  }

  @Test
  void theWrongVersionGivesOtherValues() throws Exception {
    try (SafetensorsFile file = checkpoint()) {
      assertThat(QuantizedReader.gptq(file, "gptq1", true).dequantize())
          .isNotEqualTo(expected(file, "gptq1"));
    }
  }

  @Test
  void awqDecodesToThePublishedValues() throws Exception {
    try (SafetensorsFile file = checkpoint()) {
      assertThat(QuantizedReader.awq(file, "awq").dequantize()).isEqualTo(expected(file, "awq"));
    }
  }

  @Test
  void missingPartsAreNamed() throws Exception {
    try (SafetensorsFile file = checkpoint()) {
      assertThatThrownBy(() -> QuantizedReader.gptq(file, "none", false))
          .isInstanceOf(ModelFormatException.class)
          .hasMessage("the checkpoint has no tensor none.qweight");
      assertThatThrownBy(() -> QuantizedReader.awq(file, "gptq1"))
          .isInstanceOf(ModelFormatException.class);
    }
  }

  @Test
  void packingIsInvertible() {
    QuantizedMatrix m = RandomMatrix.of(64, 24, 16, 1);
    byte[] rows = Nibbles.unpackRows(m.codes(), 64, 24);
    assertThat(Nibbles.packRows(rows, 64, 24)).isEqualTo(m.codes());
    for (int[] order : new int[][] {Nibbles.PLAIN, Nibbles.AWQ}) {
      byte[] zeros = Nibbles.unpackColumns(m.zeros(), 4, 24, order);
      assertThat(Nibbles.packColumns(zeros, 4, 24, order)).isEqualTo(m.zeros());
    }
  }

  @Test
  void theInverseRestoresTheFile() {
    QuantizedMatrix m = RandomMatrix.of(64, 32, 16, 2);
    int[] rows = Permutation.stableArgsort(m.groupOf());
    int[] columns = Permutation.stableArgsort(RandomMatrix.of(32, 8, 8, 3).groupOf());
    QuantizedMatrix there = m.permuteRows(rows).permuteColumns(columns);
    assertThat(there.groupOf()).isSorted();
    assertThat(there.codes()).isNotEqualTo(m.codes());
    QuantizedMatrix back =
        there.permuteColumns(Permutation.inverse(columns)).permuteRows(Permutation.inverse(rows));
    assertThat(back.codes()).isEqualTo(m.codes());
    assertThat(back.zeros()).isEqualTo(m.zeros());
    assertThat(back.scales()).isEqualTo(m.scales());
    assertThat(back.groupOf()).isEqualTo(m.groupOf());
  }

  private static float[] expected(SafetensorsFile file, String name) {
    return file.weight(name + ".expected").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }
}
