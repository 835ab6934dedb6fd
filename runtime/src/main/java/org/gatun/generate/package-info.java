/**
 * Generation: an {@link org.gatun.generate.Engine} holds a loaded model, {@link
 * org.gatun.generate.Session}s hold conversations. Ten lines from a file to text are in {@code
 * examples/}.
 */
@NullMarked
package org.gatun.generate;

import org.jspecify.annotations.NullMarked;
