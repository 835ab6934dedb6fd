package org.gatun.text.jinja;

/**
 * A token of a template.
 *
 * @param text of TEXT and STRING their content; of others their spelling
 * @param line from 1
 */
record Token(Kind kind, String text, int line) {
  enum Kind {
    TEXT,
    PRINT_BEGIN,
    PRINT_END,
    BLOCK_BEGIN,
    BLOCK_END,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean is(Kind k, String t) {
    return kind == k && text.equals(t);
  }
}
