package org.gatun.opencl;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.gatun.backend.BackendException;
import org.gatun.bindings.opencl.opencl_h;

/**
 * What kernels use beyond OpenCL C 1.2; {@code variants.cl} has the other side.
 *
 * <p>{@code -Dgatun.opencl.variants} says what is wanted: {@code none} (the default: only kernels
 * that were run on a device of the kind), {@code auto} for all that the device has, or a list such
 * as {@code fp16,dot}. With {@code -Dgatun.opencl.standins=true}, what the device lacks is replaced
 * by its definition in OpenCL C 1.2, so that tests reach every kernel.
 *
 * @param used features that kernels are built for
 * @param standIns whether they are replaced by their definitions
 * @param standard language version, as a build option
 */
record Variants(Set<Feature> used, boolean standIns, String standard) {
  /** A feature, by the names of the extensions of which one is enough. */
  enum Feature {
    /** Halves converted by the device. */
    FP16("cl_khr_fp16"),
    /** Reductions over sub-groups. */
    SUBGROUPS("cl_khr_subgroups", "cl_intel_subgroups"),
    /** Quantised products over activations of 8 bits, four at a time. */
    DOT("cl_khr_integer_dot_product");

    private final List<String> extensions;

    Feature(String... extensions) {
      this.extensions = List.of(extensions);
    }

    boolean in(ClDevice d) {
      return extensions.stream().anyMatch(d.extensions()::contains);
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final String BASELINE = "-cl-std=CL1.2";

  /** OpenCL C 1.2 and nothing else. */
  static final Variants NONE = new Variants(Set.of(), false, BASELINE);

  /** Features that a device states. */
  static Set<Feature> present(ClDevice d) {
    Set<Feature> features = EnumSet.noneOf(Feature.class);
    Arrays.stream(Feature.values()).filter(f -> f.in(d)).forEach(features::add);
    return features;
  }

  /**
   * What the properties ask for on this device. A compiler that cannot build what its device states
   * is asked for an older language, and then believed.
   *
   * @throws BackendException if a feature is unknown, or neither there nor replaced
   */
  static Variants wanted(ClContext context) {
    String text = System.getProperty("gatun.opencl.variants", "none").toLowerCase(Locale.ROOT);
    Set<Feature> present = present(context.device());
    Set<Feature> wanted =
        switch (text) {
          case "none", "" -> Set.of();
          case "auto" -> present;
          default -> parse(text);
        };
    if (wanted.isEmpty()) {
      return NONE;
    }
    if (Boolean.getBoolean("gatun.opencl.standins")) {
      return new Variants(wanted, true, BASELINE);
    }
    if (!present.containsAll(wanted)) {
      throw new BackendException(
          "gatun.opencl.variants asks for "
              + text
              + ", and "
              + context.device().name().trim()
              + " has "
              + (present.isEmpty() ? "none" : present)
              + "; use auto or none");
    }
    for (String standard : List.of("-cl-std=CL3.0", "-cl-std=CL2.0", BASELINE)) {
      Variants v = new Variants(wanted, false, standard);
      if (v.builds(context)) {
        return v;
      }
    }
    if (text.equals("auto")) {
      return NONE;
    }
    throw new BackendException(
        context.device().name().trim()
            + " states "
            + wanted
            + ", but its compiler builds no kernel that uses it; use gatun.opencl.variants=none");
  }

  private static Set<Feature> parse(String text) {
    Set<Feature> features = EnumSet.noneOf(Feature.class);
    for (String name : text.split(",")) {
      features.add(
          Arrays.stream(Feature.values())
              .filter(f -> f.toString().equals(name.trim()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new BackendException(
                          "gatun.opencl.variants: no variant '"
                              + name.trim()
                              + "'; there are none, auto, "
                              + Arrays.stream(Feature.values())
                                  .map(Feature::toString)
                                  .collect(Collectors.joining(", ")))));
    }
    return features;
  }

  /** Whether the device's compiler builds a kernel that uses every feature once. */
  private boolean builds(ClContext context) {
    try (KernelLibrary library = new KernelLibrary(context, this)) {
      MemorySegment program =
          library.build(null, PROBE.formatted(source()), options("-DLOCAL=16"), "probe");
      context.released(opencl_h.clReleaseProgram(program), "releasing a program");
      return true;
    } catch (BackendException e) {
      return false;
    }
  }

  private static String source() {
    return KernelLibrary.load("variants.cl") + KernelLibrary.load("common.cl");
  }

  private static final String PROBE =
      """
      %s
      kernel void probe(global float *y, global uint *x) {
      #ifdef FP16
        y[0] = half_bits(x[0]);
      #endif
      #ifdef SUBGROUPS
        y[1] = sub_sum(y[1], 0) + sub_max(y[2], 0);
      #endif
      #ifdef DOT
        y[3] = dot4(x[1], x[2], 1);
      #endif
      }
      """;

  boolean uses(Feature f) {
    return used.contains(f);
  }

  /** Whether activations of quantised products are rounded to 8 bits. */
  boolean int8(Tiles tiles) {
    return tiles.gpu() && uses(Feature.DOT);
  }

  /** Build options of a kernel with options of its own. */
  String options(String own) {
    StringBuilder all = new StringBuilder(standard);
    for (Feature f : Feature.values()) {
      if (uses(f)) {
        all.append(" -D").append(f.name());
      }
    }
    return (all + (standIns ? " -DSTAND_INS " : " ") + own).strip();
  }

  /** For people: empty without variants. */
  String describe() {
    return used.isEmpty() ? "" : ", using " + used + (standIns ? " (stand-ins)" : "");
  }
}
