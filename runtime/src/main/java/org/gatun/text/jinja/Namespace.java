package org.gatun.text.jinja;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Jinja's {@code namespace()}: the one value whose attributes a template may set. */
final class Namespace {
  final Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
}
