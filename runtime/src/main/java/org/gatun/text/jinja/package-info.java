/**
 * The part of Jinja that published chat templates use, with bounded work: a lexer, a parser and an
 * interpreter of the tree. Semantics are those of Jinja 3 as the Hugging Face libraries set it up
 * ({@code trim_blocks}, {@code lstrip_blocks}, no escaping, immutable values).
 */
@NullMarked
package org.gatun.text.jinja;

import org.jspecify.annotations.NullMarked;
