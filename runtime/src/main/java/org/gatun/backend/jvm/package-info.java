/**
 * The Vector-API backend: always there, any CPU. Weights are interleaved sixteen rows at a time, so
 * that a vector lane is an output row and no kernel needs a horizontal sum.
 */
@NullMarked
package org.gatun.backend.jvm;

import org.jspecify.annotations.NullMarked;
