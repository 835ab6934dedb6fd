/**
 * One codec per element format: how its blocks are laid out, decoded and, where simple, encoded.
 */
@NullMarked
package org.gatun.tensor.codec;

import org.jspecify.annotations.NullMarked;
