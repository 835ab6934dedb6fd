package org.gatun.model.gguf;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.gatun.tensor.DType;

/**
 * Names of the tensor types that GGUF files can have and Gatun does not read, for error messages.
 */
final class GgmlTypes {
  private GgmlTypes() {}

  static String name(int id) {
    return switch (id) {
      case 4 -> "Q4_2";
      case 5 -> "Q4_3";
      case 9 -> "Q8_1";
      case 15 -> "Q8_K";
      case 16 -> "IQ2_XXS";
      case 17 -> "IQ2_XS";
      case 18 -> "IQ3_XXS";
      case 19 -> "IQ1_S";
      case 21 -> "IQ3_S";
      case 22 -> "IQ2_S";
      case 23 -> "IQ4_XS";
      case 29 -> "IQ1_M";
      case 31 -> "Q4_0_4_4";
      case 32 -> "Q4_0_4_8";
      case 33 -> "Q4_0_8_8";
      case 34 -> "TQ1_0";
      case 35 -> "TQ2_0";
      case 39 -> "MXFP4";
      case 40 -> "NVFP4";
      default -> DType.ofGgml(id).map(DType::name).orElse("number " + Integer.toUnsignedString(id));
    };
  }

  static String supported() {
    return Arrays.stream(DType.values())
        .filter(DType::isWeight)
        .map(DType::name)
        .collect(Collectors.joining(", "));
  }
}
