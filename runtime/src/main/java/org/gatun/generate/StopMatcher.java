package org.gatun.generate;

import java.util.List;

/**
 * Finds stop strings in text that arrives in pieces: text that may be the start of a stop string is
 * held back until it is certain.
 */
final class StopMatcher {
  private final List<String> stops;
  private final StringBuilder pending = new StringBuilder();
  private boolean stopped;

  StopMatcher(List<String> stops) {
    this.stops = stops;
  }

  /** Takes the next piece and returns the text that is certain now. */
  String accept(String piece) {
    if (stops.isEmpty()) {
      return piece;
    }
    pending.append(piece);
    int first = -1;
    for (String s : stops) {
      int at = pending.indexOf(s);
      if (at >= 0 && (first < 0 || at < first)) {
        first = at;
      }
    }
    if (first >= 0) {
      stopped = true;
      return take(first);
    }
    int hold = 0;
    for (String s : stops) {
      for (int n = Math.min(s.length() - 1, pending.length()); n > hold; n--) {
        if (pending.indexOf(s.substring(0, n), pending.length() - n) == pending.length() - n) {
          hold = n;
        }
      }
    }
    return take(pending.length() - hold);
  }

  /** The text held back when no more comes. */
  String finish() {
    return stopped ? "" : take(pending.length());
  }

  /** Whether a stop string was found. */
  boolean stopped() {
    return stopped;
  }

  private String take(int count) {
    String s = pending.substring(0, count);
    pending.delete(0, count);
    return s;
  }
}
