package org.gatun.text;

import java.util.Arrays;
import java.util.List;

/**
 * Finds tokens that are matched whole before any merging, leftmost and then longest, with a trie
 * over UTF-16 units.
 */
final class AddedTokens {
  /** Longer ones are refused: the search takes text length × token length in the worst case. */
  static final int MAX_LENGTH = 512;

  /**
   * One token.
   *
   * @param control matched only where the caller asks to parse special tokens
   * @param leftStrip takes the white space before it along
   * @param rightStrip takes the white space after it along
   * @param singleWord matches only between characters that are not of a word
   */
  record Added(
      int id,
      String content,
      boolean control,
      boolean leftStrip,
      boolean rightStrip,
      boolean singleWord) {
    Added(int id, String content, boolean control) {
      this(id, content, control, false, false, false);
    }
  }

  /** Receives the text between tokens and the tokens, in order. */
  interface Sink {
    void text(String text, int from, int to) throws TextFormatException;

    void token(int id);
  }

  private final Added[] tokens;
  // Node 0 is the root. Edges: (node << 16 | char) + 1 → child, open addressing.
  private long[] edges = new long[1024];
  private int[] children = new int[1024];
  private int[] terminal = new int[256];
  private int nodes = 1;
  // First characters, so that plain text is skipped quickly.
  private final boolean[] begins = new boolean[1 << 16];

  AddedTokens(List<Added> added) throws TextFormatException {
    tokens = added.toArray(new Added[0]);
    for (int i = 0; i < tokens.length; i++) {
      String content = tokens[i].content();
      if (content.length() > MAX_LENGTH) {
        throw new TextFormatException(
            "added token " + tokens[i].id() + " is longer than " + MAX_LENGTH + " characters");
      }
      if (content.isEmpty()) {
        continue;
      }
      begins[content.charAt(0)] = true;
      int node = 0;
      for (int k = 0; k < content.length(); k++) {
        node = childOrNew(node, content.charAt(k));
      }
      terminal[node] = i + 1;
    }
  }

  boolean isEmpty() {
    return nodes == 1;
  }

  /** Cuts {@code text[from, to)} at the tokens. */
  void split(String text, int from, int to, boolean parseControl, Sink out)
      throws TextFormatException {
    int done = from;
    int at = from;
    while (at < to) {
      if (!begins[text.charAt(at)]) {
        at++;
        continue;
      }
      int node = 0;
      int best = -1;
      int bestEnd = at;
      for (int i = at; i < to; ) {
        node = child(node, text.charAt(i++));
        if (node < 0) {
          break;
        }
        int t = terminal[node] - 1;
        if (t >= 0
            && (parseControl || !tokens[t].control())
            && (!tokens[t].singleWord() || isWord(text, at, i, from, to))) {
          best = t;
          bestEnd = i;
        }
      }
      if (best < 0) {
        at++;
        continue;
      }
      int begin = at;
      if (tokens[best].leftStrip()) {
        while (begin > done && WordScanner.isWhiteSpace(text.charAt(begin - 1))) {
          begin--;
        }
      }
      at = bestEnd;
      if (tokens[best].rightStrip()) {
        while (at < to && WordScanner.isWhiteSpace(text.charAt(at))) {
          at++;
        }
      }
      if (begin > done) {
        out.text(text, done, begin);
      }
      out.token(tokens[best].id());
      done = at;
    }
    if (done < to) {
      out.text(text, done, to);
    }
  }

  private static boolean isWord(String text, int begin, int end, int from, int to) {
    return (begin == from || !isWordCharacter(text.codePointBefore(begin)))
        && (end == to || !isWordCharacter(text.codePointAt(end)));
  }

  /** {@code \w} of UTS 18. */
  private static boolean isWordCharacter(int c) {
    return Character.isAlphabetic(c)
        || c == 0x200c
        || c == 0x200d
        || switch (Character.getType(c)) {
          case Character.NON_SPACING_MARK,
              Character.COMBINING_SPACING_MARK,
              Character.ENCLOSING_MARK,
              Character.DECIMAL_DIGIT_NUMBER,
              Character.CONNECTOR_PUNCTUATION ->
              true;
          default -> false;
        };
  }

  private int child(int node, char c) {
    long edge = ((long) node << 16 | c) + 1;
    int mask = edges.length - 1;
    for (int slot = slot(edge, mask); edges[slot] != 0; slot = slot + 1 & mask) {
      if (edges[slot] == edge) {
        return children[slot];
      }
    }
    return -1;
  }

  private int childOrNew(int node, char c) {
    int found = child(node, c);
    if (found >= 0) {
      return found;
    }
    if (2 * nodes >= edges.length) {
      growEdges();
    }
    if (nodes == terminal.length) {
      terminal = Arrays.copyOf(terminal, Math.multiplyExact(nodes, 2));
    }
    put(((long) node << 16 | c) + 1, nodes);
    return nodes++;
  }

  private void put(long edge, int target) {
    int mask = edges.length - 1;
    int slot = slot(edge, mask);
    while (edges[slot] != 0) {
      slot = slot + 1 & mask;
    }
    edges[slot] = edge;
    children[slot] = target;
  }

  private void growEdges() {
    long[] oldEdges = edges;
    int[] oldChildren = children;
    edges = new long[Math.multiplyExact(oldEdges.length, 2)];
    children = new int[edges.length];
    for (int i = 0; i < oldEdges.length; i++) {
      if (oldEdges[i] != 0) {
        put(oldEdges[i], oldChildren[i]);
      }
    }
  }

  private static int slot(long edge, int mask) {
    return (int) (edge * 0x9E3779B97F4A7C15L >>> 40) & mask;
  }
}
